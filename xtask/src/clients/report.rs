//! What a program said of its steps.

use std::time::Duration;

/// How many lines of a program's errors are shown.
const ERROR_LINES: usize = 8;

/// One program's outcome.
#[derive(Debug)]
pub(crate) struct Report {
    name: String,
    ok: usize,
    bugs: Vec<String>,
    failures: Vec<String>,
    elapsed: Duration,
}

impl Report {
    /// Reads the lines of the steps. A line of another kind, an end that is no success and a
    /// program without a step are failures: a program that breaks off must not look well.
    pub(crate) fn read(
        name: &str,
        output: &str,
        end: &str,
        errors: &str,
        elapsed: Duration,
    ) -> Self {
        let (bugs, failures) = (Vec::new(), Vec::new());
        let mut report = Self { name: name.into(), ok: 0, bugs, failures, elapsed };
        for line in output.lines().filter(|line| !line.trim().is_empty()) {
            match line.split_once(' ') {
                Some(("ok", _)) => report.ok += 1,
                Some(("client-bug", what)) => report.bugs.push(what.into()),
                Some(("FAIL", why)) => report.failures.push(why.into()),
                Some(_) | None => report.failures.push(format!("not the line of a step: {line}")),
            }
        }
        if end != "exit status: 0" {
            let lines: Vec<_> = errors.lines().collect();
            let shown = lines[lines.len().saturating_sub(ERROR_LINES)..].join("\n    ");
            report.failures.push(format!("the program broke off ({end})\n    {shown}"));
        } else if report.steps() == 0 {
            report.failures.push("the program made no step".into());
        }
        report
    }

    /// How many steps there were.
    pub(crate) fn steps(&self) -> usize {
        self.ok + self.bugs.len() + self.failures.len()
    }

    /// How many of them failed by a mistake that is not the client's.
    pub(crate) fn failed(&self) -> usize {
        self.failures.len()
    }

    /// Prints what is worth reading of each step.
    pub(crate) fn print_details(&self) {
        println!("{}", self.name);
        for bug in &self.bugs {
            println!("  the client's bug: {bug}");
        }
        for failure in &self.failures {
            println!("  FAIL {failure}");
        }
    }

    /// Its line in the table.
    pub(crate) fn line(&self) -> String {
        let Self { name, ok, bugs, failures, elapsed } = self;
        format!(
            "{name:<28} ok {ok:>3}   client's bugs {:>2}   failed {:>2}   {:>3}.{} s",
            bugs.len(),
            failures.len(),
            elapsed.as_secs(),
            elapsed.subsec_millis() / 100,
        )
    }
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use super::Report;

    fn report(output: &str, end: &str) -> Report {
        Report::read("x", output, end, "Traceback", Duration::from_millis(1_234))
    }

    #[test]
    fn steps_are_counted_by_their_verdicts() {
        let report = report("ok a\nok b: c\nclient-bug d: e\nFAIL f: g\n", "exit status: 0");
        assert_eq!((report.steps(), report.failed()), (4, 1));
        assert!(report.line().contains("ok   2") && report.line().ends_with("  1.2 s"));
    }

    #[test]
    fn what_breaks_off_or_does_nothing_fails() {
        assert_eq!(report("ok a\n", "exit status: 0").failed(), 0);
        assert_eq!(report("ok a\n", "exit status: 1").failed(), 1);
        assert_eq!(report("ok a\n", "signal: 9 (SIGKILL)").failed(), 1);
        assert_eq!(report("", "exit status: 0").failed(), 1);
        assert_eq!(report("ok a\nokay\n", "exit status: 0").failed(), 1);
    }
}
