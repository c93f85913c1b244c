//! Processes that are measured: started, told what to do by lines, and killed when dropped.

use std::{
    io::{BufRead as _, BufReader, Read as _, Write as _},
    net::{SocketAddr, TcpStream},
    process::{Child as Process, ChildStdin, ChildStdout, Command, Stdio},
    time::Duration,
};

use anyhow::{Context as _, anyhow, bail};
use serde::{Deserialize, Serialize};

use super::{gateway, machine, part, place};

/// How long a figure may take to come.
const FIGURE_TIME_MAX: Duration = Duration::from_secs(10);

/// What a child is.
#[derive(Debug, Serialize, Deserialize)]
pub(crate) enum Part {
    /// An endpoint that answers with what it was sent.
    Echo,
    /// A gateway on a simulated chain.
    Gateway(gateway::Plan),
}

/// What a child says when it serves.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub(crate) struct Ready {
    /// Where.
    pub(crate) address: SocketAddr,
    /// When its loops began, in milliseconds since 1970.
    pub(crate) begun_at_ms: u64,
    /// The newest payout that its store had before.
    pub(crate) newest_before: Option<String>,
    /// How often its store had waited for the disk before, if it counts that.
    pub(crate) waits_before: Option<u64>,
}

/// What a child had taken when all was prepared, just before its loops began.
#[derive(Clone, Copy, Debug, Default)]
pub(crate) struct Taken {
    /// Of the processor, in microseconds.
    pub(crate) cpu_us: Option<u64>,
    /// The transactions of its store.
    pub(crate) transactions: Option<u32>,
}

/// A child at work.
pub(crate) struct Child {
    process: Process,
    input: ChildStdin,
    output: BufReader<ChildStdout>,
    /// What it said when it was ready.
    pub(crate) ready: Ready,
    /// What it had taken before its loops began.
    pub(crate) before: Taken,
}

impl Child {
    /// Starts this program again, as a part of the bench, and waits until it serves.
    ///
    /// # Errors
    /// If it does not start; it has said why then.
    pub(crate) fn start(part: &Part) -> anyhow::Result<Self> {
        let program = std::env::current_exe().context("where is this program?")?;
        let mut command = Command::new(program);
        command.arg("bench-part").arg(serde_json::to_string(part)?);
        command.stdin(Stdio::piped()).stdout(Stdio::piped());
        if std::env::var_os("RUST_LOG").is_none() {
            command.env("RUST_LOG", "warn");
        }
        let mut process =
            Guarded(Some(command.spawn().context("cannot start this program again")?));
        let child = process.0.as_mut().context("it was just started")?;
        let mut input = child.stdin.take().context("its input is piped")?;
        let mut output = BufReader::new(child.stdout.take().context("its output is piped")?);
        let mut hear = || {
            let mut line = String::new();
            output.read_line(&mut line).map(|_| line)
        };
        let unheard = || anyhow!("what is to be measured did not start; it said why above");
        let mut before = Taken::default();
        if let Part::Gateway(plan) = part {
            anyhow::ensure!(hear()?.trim() == part::PREPARED, unheard());
            let transactions = place::transactions(&plan.store);
            before = Taken { cpu_us: machine::cpu_us(child.id()), transactions };
            writeln!(input, "{}", part::BEGIN).map_err(|_| unheard())?;
        }
        let ready = serde_json::from_str(&hear()?).map_err(|_| unheard())?;
        let process = process.0.take().context("it was just started")?;
        Ok(Self { process, input, output, ready, before })
    }

    /// Tells it something and waits until it has done so.
    ///
    /// # Errors
    /// If it has ended.
    pub(crate) fn tell(&mut self, what: &str) -> anyhow::Result<()> {
        writeln!(self.input, "{what}").context("what is measured has ended")?;
        let mut line = String::new();
        self.output.read_line(&mut line).context("what is measured has ended")?;
        anyhow::ensure!(line.trim() == "ok", "what is measured said {line:?} to {what:?}");
        Ok(())
    }

    /// The number of its process.
    pub(crate) fn id(&self) -> u32 {
        self.process.id()
    }

    /// What it has used of the processor, in microseconds.
    pub(crate) fn cpu_us(&self) -> Option<u64> {
        machine::cpu_us(self.id())
    }

    /// How often its store has waited for the disk, if it counts that.
    pub(crate) fn waits(&self) -> Option<u64> {
        self.ready.waits_before?;
        self.figure("vyplata_disk_waits_total ").ok()
    }

    /// A figure of its `/metrics`: the value of the line that begins with `name`.
    ///
    /// # Errors
    /// If it does not answer, or has no such figure.
    pub(crate) fn figure(&self, name: &str) -> anyhow::Result<u64> {
        let mut stream = TcpStream::connect(self.ready.address)?;
        stream.set_read_timeout(Some(FIGURE_TIME_MAX))?;
        stream.write_all(b"GET /metrics HTTP/1.1\r\nhost: x\r\nconnection: close\r\n\r\n")?;
        let mut text = String::new();
        stream.read_to_string(&mut text)?;
        let Some(value) = text.lines().find_map(|it| it.strip_prefix(name)) else {
            bail!("the gateway tells no {name}");
        };
        Ok(value.trim().parse()?)
    }
}

impl Drop for Child {
    fn drop(&mut self) {
        let _ = self.process.kill();
        let _ = self.process.wait();
    }
}

/// A process that is killed unless somebody takes it.
struct Guarded(Option<Process>);

impl Drop for Guarded {
    fn drop(&mut self) {
        if let Some(process) = &mut self.0 {
            let _ = process.kill();
            let _ = process.wait();
        }
    }
}
