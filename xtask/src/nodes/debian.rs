//! Nodes that come as packages of Debian, unpacked below the target folder.
//!
//! A program is unpacked beside the libraries that its own release has, down to the C library, and
//! started by that release's loader: nothing is installed on the machine, and it matters little
//! which Debian that has. The archive is the one that the machine's apt uses already. Apt downloads
//! into folders of its own and compares every package with the checksum in the release's lists,
//! whose signature it verifies with Debian's keys.

use std::{
    env, fs,
    path::{Path, PathBuf},
    process::Command,
};

use anyhow::{Context as _, Result, ensure};

use crate::process;

/// A program in a package of Debian.
pub(super) struct Package {
    /// The variable that names another program to use instead.
    pub(super) variable: &'static str,
    /// The package.
    name: &'static str,
    /// The release that it is taken from.
    release: &'static str,
    /// The version that the tests were last seen passing with. A release may move to another one,
    /// which is installed all the same, and noticed.
    version: &'static str,
    /// The program in the package, by its path. (In `usr/bin` may be a script that starts it.)
    program: &'static str,
}

/// Bitcoin Knots, a node of Bitcoin made of Bitcoin Core, with its wallet. Only the release that is
/// being made has it, and its versions move.
pub(super) const BITCOIND: Package = Package {
    variable: "BITCOIND",
    name: "bitcoin-knots",
    release: "sid",
    version: "29.4.knots20260508.3",
    program: "usr/bin/bitcoind",
};

/// Litecoin Core.
pub(super) const LITECOIND: Package = Package {
    variable: "LITECOIND",
    name: "litecoind",
    release: "trixie",
    version: "0.21.4",
    program: "usr/lib/litecoin/litecoind",
};

/// The machine that the loader's and the libraries' folders are written for.
const MACHINE: (&str, &str) = ("linux", "x86_64");

/// Where a release keeps its loader: it moved below `usr` one day.
const LOADERS: [&str; 2] = ["usr/lib64/ld-linux-x86-64.so.2", "lib64/ld-linux-x86-64.so.2"];

/// Where a release keeps its libraries.
const LIBRARIES: [&str; 2] = ["usr/lib/x86_64-linux-gnu", "lib/x86_64-linux-gnu"];

/// What packages want beside them that a node has no use for.
const NOT_NEEDED: [&str; 4] = ["debconf", "systemd", "libc-gconv-modules-extra", "perl"];

/// The path of the program: what its variable names, or else what is unpacked on first use.
///
/// # Errors
/// If it cannot be unpacked.
pub(super) fn program(package: &Package, nodes: &Path) -> Result<PathBuf> {
    if let Some(path) = env::var_os(package.variable) {
        return Ok(path.into());
    }
    let Package { variable, name, release, version, program: _ } = package;
    let home = nodes.join(name);
    let start = home.join("start");
    if !start.is_file() {
        ensure!(
            MACHINE == (env::consts::OS, env::consts::ARCH),
            "{name} is only unpacked on {MACHINE:?}; set {variable} to a program of version {version}",
        );
        let draft = nodes.join(format!("{name}.{}", std::process::id()));
        let installed = unpack(package, &draft, &home).and_then(|()| {
            if !home.exists() {
                fs::rename(&draft, &home)?;
            }
            Ok(())
        });
        drop(fs::remove_dir_all(&draft));
        installed.with_context(|| format!("unpacking {name} of Debian {release}"))?;
    }
    notice(package, &fs::read_to_string(home.join("version"))?);
    Ok(start)
}

/// Says so if a release has another version than the tests were seen passing with.
fn notice(package: &Package, version: &str) {
    if !is_version(version, package.version) {
        let Package { name, version: before, release, .. } = package;
        eprintln!(
            "note: {name} is {version} in {release} now; the tests were written with {before}"
        );
    }
}

/// Whether a version of Debian is one of the program's: `1:29.4.3+dfsg-2` is one of `29.4.3`.
fn is_version(debian: &str, program: &str) -> bool {
    let without_epoch = debian.split_once(':').map_or(debian, |(_, rest)| rest);
    without_epoch
        .strip_prefix(program)
        .is_some_and(|rest| !rest.starts_with(|it: char| it == '.' || it.is_ascii_digit()))
}

/// Apt with folders of its own, for one release.
struct Apt {
    options: Vec<String>,
}

impl Apt {
    fn new(folder: &Path, release: &str) -> Result<Self> {
        for below in ["lists/partial", "cache/archives/partial"] {
            fs::create_dir_all(folder.join(below))?;
        }
        let keys = "/usr/share/keyrings/debian-archive-keyring.gpg";
        let source = format!("deb [signed-by={keys}] {} {release} main\n", archive()?);
        fs::write(folder.join("sources.list"), source)?;
        fs::write(folder.join("status"), "")?;
        let at = |name: &str| folder.join(name).display().to_string();
        let options = [
            format!("Dir::Etc::SourceList={}", at("sources.list")),
            format!("Dir::Etc::SourceParts={}", at("none")),
            format!("Dir::Etc::Preferences={}", at("none")),
            format!("Dir::Etc::PreferencesParts={}", at("none")),
            format!("Dir::State::Lists={}", at("lists")),
            format!("Dir::State::status={}", at("status")),
            format!("Dir::Cache={}", at("cache")),
            // Nobody else may enter these folders.
            "APT::Sandbox::User=root".to_owned(),
        ];
        Ok(Self { options: options.into() })
    }

    fn run(&self, folder: &Path, arguments: &[&str]) -> Result<String> {
        let mut command = Command::new("apt-get");
        command.current_dir(folder).arg("-q");
        for option in &self.options {
            command.args(["-o", option]);
        }
        process::output(command.args(arguments))
    }
}

/// Where the machine's apt gets Debian's packages from.
fn archive() -> Result<String> {
    ensure!(process::is_installed("apt-get"), "there is no apt-get to download packages with");
    let mut command = Command::new("apt-get");
    command.args(["indextargets", "--format", "$(REPO_URI) $(COMPONENT) $(CREATED_BY)"]);
    let targets = process::output(&mut command)?;
    let archive = targets.lines().find_map(archive_in);
    archive.context("the machine's apt knows no archive of Debian").map(str::to_owned)
}

/// The archive in a line that tells an index, if it is that of Debian's own packages.
fn archive_in(line: &str) -> Option<&str> {
    let archive = line.strip_suffix(" main Packages")?;
    archive.trim_end_matches('/').ends_with("/debian").then_some(archive)
}

/// Downloads a package and what it needs into `draft`, to be used as `home`.
fn unpack(package: &Package, draft: &Path, home: &Path) -> Result<()> {
    println!("unpacking {} of Debian {}", package.name, package.release);
    let (apt_folder, packages) = (draft.join("apt"), draft.join("packages"));
    fs::create_dir_all(&packages)?;
    let apt = Apt::new(&apt_folder, package.release)?;
    apt.run(&packages, &["update"])?;
    let plan = ["install", "-s", "--no-install-recommends", package.name];
    let plan = apt.run(&packages, &plan)?;
    let wanted = wanted(&plan);
    let version = wanted.iter().find(|(name, _)| *name == package.name);
    let (_, version) = version.context("the package is not in the release")?;
    let mut download = vec!["download"];
    download.extend(wanted.iter().map(|(name, _)| *name));
    apt.run(&packages, &download)?;
    for file in fs::read_dir(&packages)? {
        let mut command = Command::new("dpkg");
        process::run(command.arg("-x").arg(file?.path()).arg(draft.join("tree")))?;
    }
    fs::write(draft.join("version"), version)?;
    write_start(package, draft, home)?;
    fs::remove_dir_all(apt_folder)?;
    Ok(fs::remove_dir_all(packages)?)
}

/// The packages and versions that a simulated installation would install, as far as they are needed.
fn wanted(plan: &str) -> Vec<(&str, &str)> {
    plan.lines().filter_map(planned).filter(|(name, _)| !NOT_NEEDED.contains(name)).collect()
}

/// The package and its version in a line such as `Inst libc6 (2.41-12 Debian:13 [amd64])`.
fn planned(line: &str) -> Option<(&str, &str)> {
    let (name, rest) = line.strip_prefix("Inst ")?.split_once(" (")?;
    Some((name, rest.split(' ').next()?))
}

/// Writes what starts the program by the loader of its release.
fn write_start(package: &Package, draft: &Path, home: &Path) -> Result<()> {
    let loader = LOADERS.iter().find(|it| draft.join("tree").join(it).is_file());
    let loader = home.join("tree").join(loader.context("there is no loader")?);
    let libraries = LIBRARIES.map(|it| home.join("tree").join(it).display().to_string()).join(":");
    ensure!(draft.join("tree").join(package.program).is_file(), "there is no program");
    let program = home.join("tree").join(package.program);
    let (loader, program) = (loader.display(), program.display());
    let text =
        format!("#!/bin/sh\nexec '{loader}' --library-path '{libraries}' '{program}' \"$@\"\n");
    let start = draft.join("start");
    fs::write(&start, text)?;
    process::run(Command::new("chmod").arg("+x").arg(start))
}

#[cfg(test)]
mod tests {
    use super::{archive_in, is_version, wanted};

    #[test]
    fn a_version_that_moved_is_noticed() {
        for same in ["29.4.3", "29.4.3-1", "1:29.4.3+dfsg-2", "29.4.3~rc1-1", "29.4.3.knots"] {
            assert_eq!(is_version(same, "29.4.3"), same != "29.4.3.knots", "{same}");
        }
        for other in ["29.4.31-1", "29.4", "29.4.3.1-1", "30.0-1", "", "129.4.3"] {
            assert!(!is_version(other, "29.4.3"), "{other}");
        }
    }

    #[test]
    fn what_is_downloaded_is_read_from_the_plan() {
        let plan = "Reading package lists...\nInst libc6 (2.41-12 Debian:13/stable [amd64]) []\n\
                    Inst debconf (1.5 Debian [all])\nInst a (1 Debian [all])\nConf a (1 Debian [all])";
        assert_eq!(wanted(plan), [("libc6", "2.41-12"), ("a", "1")]);
    }

    #[test]
    fn only_the_archive_of_debian_itself_is_taken() {
        assert_eq!(
            archive_in("https://a.example/debian main Packages"),
            Some("https://a.example/debian")
        );
        for other in [
            "https://a.example/debian main DEP-11",
            "https://a.example/debian contrib Packages",
            "https://a.example/debian-security main Packages",
            "https://a.example/apt main Packages",
        ] {
            assert_eq!(archive_in(other), None, "{other}");
        }
    }
}
