//! Reading and writing files of secrets so that a crash leaves the old file or the new one.

use std::{
    fs::File,
    io::{self, ErrorKind, Read, Write},
    path::Path,
};

use tempfile::NamedTempFile;

use super::KeystoreError;

/// More than a keystore with all the keys it can hold.
const FILE_BYTES_MAX: u64 = 64 * 1024;

/// Reads a file. Also says, for the operator, if others on the machine may read it.
pub(crate) fn read(path: &Path) -> Result<(Vec<u8>, Option<String>), KeystoreError> {
    let failed = |error| io_error("open", path, &error);
    let file = File::open(path).map_err(failed)?;
    let warning = exposure(&file, path).map_err(failed)?;
    let mut bytes = Vec::new();
    file.take(FILE_BYTES_MAX + 1).read_to_end(&mut bytes).map_err(failed)?;
    if bytes.len() as u64 > FILE_BYTES_MAX {
        return Err(KeystoreError::Malformed("it is longer than any keystore"));
    }
    Ok((bytes, warning))
}

/// Writes a file that does not exist yet.
pub(crate) fn create(path: &Path, bytes: &[u8]) -> Result<(), KeystoreError> {
    let temporary = prepare(path, bytes)?;
    if let Err(error) = temporary.persist_noclobber(path) {
        let error = error.error;
        let exists = error.kind() == ErrorKind::AlreadyExists;
        return Err(if exists { KeystoreError::Exists } else { io_error("create", path, &error) });
    }
    sync_folder(path)
}

/// Writes a file in place of another.
pub(super) fn replace(path: &Path, bytes: &[u8]) -> Result<(), KeystoreError> {
    // A symbolic link stays; what it points to is replaced.
    let path = &path.canonicalize().map_err(|error| io_error("replace", path, &error))?;
    let temporary = prepare(path, bytes)?;
    temporary.persist(path).map_err(|error| io_error("replace", path, &error.error))?;
    sync_folder(path)
}

/// Writes a temporary file beside `path`, to the disk. On Unix its mode is 0600.
fn prepare(path: &Path, bytes: &[u8]) -> Result<NamedTempFile, KeystoreError> {
    let write = || -> io::Result<NamedTempFile> {
        let mut file = NamedTempFile::new_in(folder(path))?;
        file.write_all(bytes)?;
        file.as_file().sync_all()?;
        Ok(file)
    };
    write().map_err(|error| io_error("write beside", path, &error))
}

fn folder(path: &Path) -> &Path {
    let parent = path.parent().filter(|it| !it.as_os_str().is_empty());
    parent.unwrap_or(Path::new("."))
}

/// Makes the file's name as durable as its content.
fn sync_folder(path: &Path) -> Result<(), KeystoreError> {
    if cfg!(unix) {
        let synced = File::open(folder(path)).and_then(|it| it.sync_all());
        synced.map_err(|error| io_error("sync the folder of", path, &error))?;
    }
    Ok(())
}

#[cfg(unix)]
fn exposure(file: &File, path: &Path) -> io::Result<Option<String>> {
    use std::os::unix::fs::PermissionsExt;

    let mode = file.metadata()?.permissions().mode() & 0o777;
    Ok((mode & 0o077 != 0).then(|| {
        let path = path.display();
        format!("other users may read {path} (mode {mode:o}): chmod 600 {path}")
    }))
}

#[cfg(not(unix))]
fn exposure(_file: &File, _path: &Path) -> io::Result<Option<String>> {
    Ok(None)
}

fn io_error(doing: &str, path: &Path, error: &io::Error) -> KeystoreError {
    KeystoreError::Io(format!("cannot {doing} {}: {error}", path.display()))
}
