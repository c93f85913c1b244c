//! Where the state is kept: a file, or a database of PostgreSQL.

use std::{
    fmt,
    path::{Path, PathBuf},
};

use serde::Deserialize;
use zeroize::Zeroizing;

/// The address of a database, which may hold a password.
#[derive(Clone, Deserialize)]
#[serde(try_from = "String")]
pub(crate) struct DatabaseUrl(Place);

#[derive(Clone)]
enum Place {
    File(PathBuf),
    Postgres(Zeroizing<String>),
}

/// Where the state is kept.
pub(crate) enum Database<'a> {
    /// In a file.
    File(PathBuf),
    /// In a database of PostgreSQL with this address.
    Postgres(&'a str),
}

impl DatabaseUrl {
    /// The same with a relative path taken as relative to `base`.
    pub(super) fn relative_to(self, base: &Path) -> Self {
        Self(match self.0 {
            Place::File(path) => Place::File(base.join(path)),
            place @ Place::Postgres(_) => place,
        })
    }

    /// Where that is.
    pub(crate) fn place(&self) -> Database<'_> {
        match &self.0 {
            Place::File(path) => Database::File(path.clone()),
            Place::Postgres(url) => Database::Postgres(url),
        }
    }
}

impl TryFrom<String> for DatabaseUrl {
    type Error = &'static str;

    fn try_from(text: String) -> Result<Self, Self::Error> {
        let text = Zeroizing::new(text);
        if let Some(path) = text.strip_prefix("sqlite:") {
            let path = path.strip_prefix("//").unwrap_or(path);
            if path.is_empty() {
                return Err("write sqlite: and then the path of the file");
            }
            return Ok(Self(Place::File(path.into())));
        }
        if text.starts_with("postgres://") || text.starts_with("postgresql://") {
            return Ok(Self(Place::Postgres(text)));
        }
        Err("write postgres://user:password@host/name, or sqlite:path/of/the/file")
    }
}

impl fmt::Debug for DatabaseUrl {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match &self.0 {
            Place::File(path) => write!(f, "sqlite:{}", path.display()),
            Place::Postgres(_) => f.write_str("postgres://…"),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn read(text: &str) -> Result<String, &'static str> {
        let url = DatabaseUrl::try_from(text.to_owned())?.relative_to(Path::new("/base"));
        Ok(match url.place() {
            Database::File(path) => path.display().to_string(),
            Database::Postgres(url) => url.to_owned(),
        })
    }

    #[test]
    fn an_address_is_a_file_or_a_server() {
        assert_eq!(read("sqlite:a/b.db").as_deref(), Ok("/base/a/b.db"));
        assert_eq!(read("sqlite:///a/b.db").as_deref(), Ok("/a/b.db"));
        assert_eq!(read("postgres://u:p@h/n").as_deref(), Ok("postgres://u:p@h/n"));
        assert_eq!(read("postgresql://h").as_deref(), Ok("postgresql://h"));
        for text in ["", "sqlite:", "sqlite://", "mysql://h", "a.db", "POSTGRES://h"] {
            assert!(read(text).is_err(), "{text}");
        }
    }

    #[test]
    fn a_password_is_not_shown() {
        let url = DatabaseUrl::try_from("postgres://u:hunter2@h/n".to_owned()).unwrap();
        assert!(!format!("{url:?}").contains("hunter2"));
    }
}
