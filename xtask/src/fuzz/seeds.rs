//! Inputs to begin with: the requests of the goldens' conversations, as they stand there and signed
//! by each of those who may ask; and bytes for targets whose inputs have no form.

use std::{fs, path::Path};

use anyhow::{Context as _, Result};
use sha2::{Digest as _, Sha256};

/// The first bytes of inputs: as it stands, and signed by the first, second and third that may ask.
const SIGNERS: [u8; 4] = [b'0', 1, 3, 5];

/// How many inputs without a form there are, and of how many hashes each is made.
const FORMLESS: (u32, u32) = (32, 64);

/// Writes inputs without a form into a folder, which is emptied first: the same bytes every time.
///
/// # Errors
/// If they cannot be written.
pub(crate) fn write_formless(folder: &Path) -> Result<()> {
    empty(folder)?;
    for number in 0..FORMLESS.0 {
        let hash = |index| Sha256::digest(format!("{number}/{index}"));
        let input: Vec<u8> = (0..FORMLESS.1).flat_map(hash).collect();
        fs::write(folder.join(number.to_string()), input)?;
    }
    Ok(())
}

fn empty(folder: &Path) -> Result<()> {
    if folder.exists() {
        fs::remove_dir_all(folder)?;
    }
    Ok(fs::create_dir_all(folder)?)
}

/// Writes the inputs of one dialect into a folder, which is emptied first.
///
/// # Errors
/// If the goldens cannot be read, or there is none.
pub(crate) fn write(root: &Path, dialect: &str, folder: &Path) -> Result<()> {
    empty(folder)?;
    let goldens = root.join(format!("crates/dialects/src/{dialect}/golden"));
    let entries = fs::read_dir(&goldens).with_context(|| goldens.display().to_string())?;
    for entry in entries {
        let path = entry?.path();
        let requests = requests(&fs::read_to_string(&path)?);
        let name = path.file_stem().unwrap_or_default().to_string_lossy().into_owned();
        for signer in SIGNERS {
            let input = [&[signer], requests.as_bytes()].concat();
            fs::write(folder.join(format!("{name}-{signer}")), input)?;
        }
    }
    Ok(())
}

/// The requests of a conversation, with a line `== request` between them.
fn requests(golden: &str) -> String {
    let text = format!("\n{golden}");
    let sections = text.split("\n== ").filter_map(|it| it.strip_prefix("request\n"));
    let ended = sections.map(|it| format!("{}\n", it.trim_end_matches('\n')));
    ended.collect::<Vec<_>>().join("== request\n")
}

#[cfg(test)]
mod tests {
    use super::requests;

    #[test]
    fn only_requests_are_taken() {
        let golden = "# About.\n== given\npoor\n== request\nGET /a\nX: y\n\n{}\n== answer\nHTTP 200\n\
                      == request\nGET /b\n";
        assert_eq!(requests(golden), "GET /a\nX: y\n\n{}\n== request\nGET /b\n");
    }
}
