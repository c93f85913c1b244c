//! The arguments of a subcommand.

use std::str::FromStr;

use anyhow::{Context as _, Result, bail};

/// Options as they were given.
#[derive(Debug, Default)]
pub(crate) struct Args {
    values: Vec<(String, String)>,
    switches: Vec<String>,
}

impl Args {
    /// Reads `--name VALUE` for the names in `values` and `--name` for those in `switches`.
    ///
    /// # Errors
    /// Names an argument that is neither, or one without its value.
    pub(crate) fn parse(list: &[String], values: &[&str], switches: &[&str]) -> Result<Self> {
        let mut args = Self::default();
        let mut words = list.iter();
        while let Some(word) = words.next() {
            let name = word.strip_prefix("--").unwrap_or_default();
            if switches.contains(&name) {
                args.switches.push(name.into());
            } else if values.contains(&name) {
                let value = words.next().with_context(|| format!("{word} needs a value"))?;
                args.values.push((name.into(), value.clone()));
            } else {
                bail!("unknown argument {word}; known: {}", [values, switches].concat().join(", "));
            }
        }
        Ok(args)
    }

    /// Whether the switch was given.
    pub(crate) fn has(&self, switch: &str) -> bool {
        self.switches.iter().any(|it| it == switch)
    }

    /// The value of an option, or the default.
    ///
    /// # Errors
    /// If the value cannot be read.
    pub(crate) fn get<T: FromStr>(&self, name: &str, default: T) -> Result<T> {
        let Some((_, value)) = self.values.iter().rfind(|(it, _)| it == name) else {
            return Ok(default);
        };
        value.parse().map_err(|_| anyhow::anyhow!("--{name} {value} cannot be read"))
    }
}

#[cfg(test)]
mod tests {
    use super::Args;

    fn parse(line: &str) -> anyhow::Result<Args> {
        let words: Vec<_> = line.split_whitespace().map(String::from).collect();
        Args::parse(&words, &["kills", "rail"], &["quick"])
    }

    #[test]
    fn options_are_read_and_mistakes_named() {
        let args = parse("--kills 5 --quick --kills 6").unwrap();
        assert_eq!(args.get("kills", 0).unwrap(), 6);
        assert_eq!(args.get("rail", String::from("a")).unwrap(), "a");
        assert!(args.has("quick"));
        assert!(parse("--kills x").unwrap().get("kills", 0).is_err());
        assert!(parse("--kills").unwrap_err().to_string().contains("--kills"));
        assert!(parse("kills 5").unwrap_err().to_string().contains("kills"));
        assert!(parse("--other").unwrap_err().to_string().contains("--other"));
    }
}
