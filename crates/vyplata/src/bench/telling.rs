//! What is told of a measurement while it goes on, and at its end.

use std::{fs, path::Path};

use anyhow::Context as _;
use serde::Serialize;
use serde_json::{Value, json};

use super::{
    figure::{grouped, time},
    ground::Ground,
    report::{self, Plot},
};

/// Where it is told: figures on standard output, for people or as lines of JSON, progress on the
/// standard error output.
pub(crate) struct Telling {
    /// Whether a program reads.
    pub(crate) json: bool,
}

impl Telling {
    /// Tells people that something goes on.
    #[expect(clippy::unused_self, reason = "where progress is told is decided here")]
    pub(crate) fn progress(&self, what: &str) {
        eprintln!("{what}");
    }

    /// Tells programs of a part that is done.
    pub(crate) fn event(&self, event: &str, figures: &impl Serialize) {
        if self.json {
            println!("{}", json!({ "event": event, "figures": figures }));
        }
    }
}

/// A table: what each row is, and its figures.
pub(crate) type Table = Vec<(String, Vec<String>)>;

/// All that is told at the end.
pub(crate) struct Outcome {
    /// What was measured: `accept`, `settle` or `deliver`.
    pub(crate) bench: &'static str,
    /// What that is, for people.
    pub(crate) title: String,
    /// The figures, for programs.
    pub(crate) figures: Value,
    /// The figures, for people.
    pub(crate) table: Table,
    /// The pictures.
    pub(crate) plots: Vec<Plot>,
}

impl Outcome {
    /// Tells it, and writes the report if one is asked for.
    ///
    /// # Errors
    /// If the report cannot be made or written.
    pub(crate) fn tell(
        mut self,
        ground: &Ground,
        tell: &Telling,
        report: Option<&Path>,
    ) -> anyhow::Result<()> {
        let disk = &ground.fsync;
        let disk = format!("{} (p99 {})", time(disk.p50), time(disk.p99));
        self.table.push(("disk: 4 kB until they are kept".to_owned(), vec![disk]));
        if let Some(path) = report {
            let html = report::html(&self, &ground.machine)?;
            fs::write(path, html).with_context(|| format!("cannot write {}", path.display()))?;
            tell.progress(&format!("the report is in {}", path.display()));
        }
        if tell.json {
            println!("{}", self.all(ground)?);
        } else {
            println!("{}\n", self.title);
            print(&self.table);
        }
        Ok(())
    }

    /// One object with all figures.
    fn all(&self, ground: &Ground) -> anyhow::Result<Value> {
        let disk = &ground.fsync;
        let mut all = json!({
            "bench": self.bench,
            "machine": ground.machine,
            "fsync_us_p50": disk.p50,
            "fsync_us_p99": disk.p99,
            "fsync_us_p999": disk.p999,
        });
        let (Some(all_fields), Value::Object(figures)) = (all.as_object_mut(), &self.figures)
        else {
            anyhow::bail!("figures are an object");
        };
        all_fields.extend(figures.clone());
        Ok(all)
    }
}

/// Prints a table: what rows are to the left, figures to the right.
fn print(table: &Table) {
    let length = |it: &String| it.chars().count();
    let first = table.iter().map(|row| length(&row.0)).max().unwrap_or(0);
    let of_several = table.iter().filter(|row| row.1.len() > 1).flat_map(|row| &row.1);
    let width = of_several.map(length).max().unwrap_or(0);
    for (name, cells) in table {
        let cells: Vec<String> = cells.iter().map(|it| format!("{it:>width$}")).collect();
        println!("{name:first$}  {}", cells.join("  "));
    }
}

/// A number with its unit, in a table.
pub(crate) fn counted(number: u64, unit: &str) -> String {
    if unit.is_empty() { grouped(number) } else { format!("{} {unit}", grouped(number)) }
}
