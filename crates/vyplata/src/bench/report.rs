//! The report: one HTML file with tables and pictures, that needs nothing else.

use std::fmt::Write as _;

use anyhow::anyhow;
use plotters::prelude::{
    BLUE, ChartBuilder, Color as _, GREEN, IntoDrawingArea as _, IntoLogRange as _, LineSeries,
    MAGENTA, PathElement, RED, RGBColor, SVGBackend, WHITE,
};
use time::{OffsetDateTime, format_description::well_known::Rfc3339};

use super::{figure::grouped, machine::Machine, telling::Outcome};

/// How large a picture is.
const SIZE: (u32, u32) = (860, 320);
/// The colours of lines, one after another.
const COLOURS: [RGBColor; 6] =
    [BLUE, RED, GREEN, MAGENTA, RGBColor(200, 130, 0), RGBColor(0, 150, 150)];

/// What the report looks like.
const STYLE: &str = "
body { font: 15px/1.5 system-ui, sans-serif; max-width: 900px; margin: 2em auto; padding: 0 1em;
  color: #222; background: #fff }
table { border-collapse: collapse }
td, th { padding: .2em .9em; border-bottom: 1px solid #ddd; text-align: right }
td:first-child, th:first-child { text-align: left }
code, pre { background: #f4f4f4; padding: .1em .3em }
svg { max-width: 100%; height: auto }
";

/// A picture of lines.
pub(crate) struct Plot {
    /// What it shows.
    pub(crate) title: String,
    /// What goes to the right, and what goes up.
    pub(crate) axes: [String; 2],
    /// The lines, each with its name.
    pub(crate) lines: Vec<(String, Vec<(u64, u64)>)>,
    /// What stands at 0, 1, 2, … to the right, if not the numbers themselves.
    pub(crate) steps: Vec<&'static str>,
    /// Whether each step up is ten times the one before.
    pub(crate) logarithmic: bool,
}

/// Writes the report.
///
/// # Errors
/// If a picture cannot be drawn.
pub(crate) fn html(outcome: &Outcome, machine: &Machine) -> anyhow::Result<String> {
    let mut text = String::new();
    let title = escaped(&outcome.title);
    writeln!(
        text,
        "<!doctype html>\n<html lang=\"en\"><head><meta charset=\"utf-8\"><title>{title}</title>\
         <style>{STYLE}</style></head><body>\n<h1>{title}</h1>"
    )?;
    writeln!(text, "<pre>{}</pre>", escaped(&command()))?;
    writeln!(text, "<p>{}</p>\n<table>", escaped(&about(machine)))?;
    for (name, cells) in &outcome.table {
        write!(text, "<tr><td>{}</td>", escaped(name))?;
        for cell in cells {
            write!(text, "<td>{}</td>", escaped(cell))?;
        }
        writeln!(text, "</tr>")?;
    }
    writeln!(text, "</table>")?;
    for plot in &outcome.plots {
        writeln!(text, "<h2>{}</h2>\n{}", escaped(&plot.title), svg(plot)?)?;
    }
    let data = escaped(&serde_json::to_string_pretty(&outcome.figures)?);
    writeln!(text, "<details><summary>All figures</summary><pre>{data}</pre></details>")?;
    writeln!(text, "</body></html>")?;
    Ok(text)
}

/// The command that this process was started with, without where this program is.
fn command() -> String {
    let arguments = std::env::args().skip(1);
    let quoted = arguments.map(|it| if it.contains(' ') { format!("'{it}'") } else { it });
    format!("vyplata {}", quoted.collect::<Vec<_>>().join(" "))
}

fn about(machine: &Machine) -> String {
    let at = i128::from(machine.measured_at_ms) * 1_000_000;
    let at = OffsetDateTime::from_unix_timestamp_nanos(at).ok();
    let at = at.and_then(|it| it.replace_millisecond(0).ok()?.format(&Rfc3339).ok());
    format!(
        "{}, {} cores, {}, data on {}, {} build of vyplata {}, {}",
        machine.processor,
        machine.cores,
        machine.kernel,
        machine.filesystem,
        machine.build,
        env!("CARGO_PKG_VERSION"),
        at.unwrap_or_default()
    )
}

fn escaped(text: &str) -> String {
    text.replace('&', "&amp;").replace('<', "&lt;").replace('>', "&gt;").replace('"', "&quot;")
}

/// Draws a picture.
fn svg(plot: &Plot) -> anyhow::Result<String> {
    let mut text = String::new();
    {
        let area = SVGBackend::with_string(&mut text, SIZE).into_drawing_area();
        area.fill(&WHITE).map_err(|error| anyhow!("{error}"))?;
        let points = || plot.lines.iter().flat_map(|it| &it.1);
        let right = points().map(|it| it.0).max().unwrap_or(0).max(1);
        let up = points().map(|it| it.1).max().unwrap_or(0).max(1);
        let mut builder = ChartBuilder::on(&area);
        builder.margin(12).x_label_area_size(40).y_label_area_size(80);
        let drawn = if plot.logarithmic {
            let low = points().map(|it| it.1).min().unwrap_or(1).max(1);
            let chart = builder.build_cartesian_2d(0..right, (low..up * 2).log_scale());
            chart.and_then(|mut chart| draw!(chart, plot))
        } else {
            let chart = builder.build_cartesian_2d(0..right, 0..up + up / 10);
            chart.and_then(|mut chart| draw!(chart, plot))
        };
        drawn.and_then(|()| area.present()).map_err(|error| anyhow!("{error}"))?;
    }
    Ok(text)
}

/// The axes and lines of a picture, whatever its scale: the two kinds are different types.
macro_rules! draw {
    ($chart:ident, $plot:ident) => {{
        let step = |x: &u64| {
            let step = usize::try_from(*x).ok().and_then(|it| $plot.steps.get(it));
            step.map_or_else(|| grouped(*x), |it| (*it).to_owned())
        };
        let mut mesh = $chart.configure_mesh();
        mesh.x_desc(&$plot.axes[0]).y_desc(&$plot.axes[1]);
        mesh.x_label_formatter(&step).y_label_formatter(&|y| grouped(*y));
        if !$plot.steps.is_empty() {
            mesh.x_labels($plot.steps.len());
        }
        let mut drawn = mesh.draw();
        for (place, (name, points)) in $plot.lines.iter().enumerate() {
            let colour = COLOURS[place % COLOURS.len()];
            let line = LineSeries::new(points.iter().copied(), colour.stroke_width(2));
            drawn = drawn.and_then(|()| {
                let line = $chart.draw_series(line)?;
                line.label(name).legend(move |(x, y)| {
                    PathElement::new(vec![(x, y), (x + 14, y)], colour.stroke_width(2))
                });
                Ok(())
            });
        }
        drawn.and_then(|()| {
            let mut names = $chart.configure_series_labels();
            names.background_style(WHITE.mix(0.8)).border_style(RGBColor(200, 200, 200)).draw()
        })
    }};
}
use draw;
