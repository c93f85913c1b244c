//! Installs the nodes that tests run against, below the target folder.
//!
//! Anvil comes as a package of the npm registry that carries nothing but the program. It is
//! downloaded by npm, compared with the checksum written here, and unpacked by tar. Hardhat comes
//! with many packages, whose checksums are in the lock file in `xtask/nodes/hardhat`. Nodes of
//! Bitcoin and Litecoin come as packages of Debian. Of TRON there is no node, but a client. No script of
//! a package is ever run.

mod debian;

use std::{
    env, fs,
    path::{Path, PathBuf},
    process::Command,
};

use anyhow::{Context as _, Result, ensure};
use base64::{Engine as _, prelude::BASE64_STANDARD};
use sha2::{Digest as _, Sha512};

use crate::{npm, process};

/// A program in a package.
struct Package {
    /// What we call it.
    name: &'static str,
    /// Its name in the registry.
    id: &'static str,
    /// The version.
    version: &'static str,
    /// SHA-512 of the packed package in base64, as `npm view PACKAGE@VERSION dist.integrity` says.
    sha512: &'static str,
    /// The program in the package.
    program: &'static str,
    /// The machine it runs on: operating system and architecture.
    machine: (&'static str, &'static str),
}

const ANVIL: Package = Package {
    name: "anvil",
    id: "@foundry-rs/anvil-linux-amd64",
    version: "1.7.1",
    sha512: "+XmShybEaxfCrr0OUUZwYEy2OnYZt5pHH9TzBtLv3+VrK0O/ANuNSVEahqNhKHlgX7GRJ59383ofNhxkRWIYTg==",
    program: "bin/anvil",
    machine: ("linux", "x86_64"),
};

/// Installs every node and prints where it is.
///
/// # Errors
/// If one cannot be installed.
pub(crate) fn run(root: &Path) -> Result<()> {
    println!("ANVIL={}", anvil(root)?.display());
    println!("HARDHAT={}", hardhat(root)?.display());
    println!("BITCOIND={}", bitcoind(root)?.display());
    println!("LITECOIND={}", litecoind(root)?.display());
    println!("TRONWEB={}", tronweb(root)?.display());
    Ok(())
}

/// The path of anvil, a development node of the EVM family: what the variable `ANVIL` names, or
/// else the pinned version, installed on first use.
///
/// # Errors
/// If it cannot be installed.
pub(crate) fn anvil(root: &Path) -> Result<PathBuf> {
    match env::var_os("ANVIL") {
        Some(path) => Ok(path.into()),
        None => install(&ANVIL, &process::target_dir(root).join("nodes")),
    }
}

/// The folder that hardhat, another development node of the EVM family, is installed in, with its
/// configuration and a Node.js that it runs on: what the variable `HARDHAT` names, or else the
/// pinned version, installed on first use.
///
/// # Errors
/// If it cannot be installed.
pub(crate) fn hardhat(root: &Path) -> Result<PathBuf> {
    if let Some(path) = env::var_os("HARDHAT") {
        return Ok(path.into());
    }
    let machine = (env::consts::OS, env::consts::ARCH);
    let pinned = ANVIL.machine;
    ensure!(machine == pinned, "hardhat is only pinned for {pinned:?}; set HARDHAT to its folder");
    npm::need("HARDHAT")?;
    let programs = root.join("xtask/nodes/hardhat");
    let home = process::target_dir(root).join("nodes/hardhat");
    npm::install(&programs, &home).context("installing hardhat")?;
    let configuration = "hardhat.config.js";
    fs::copy(programs.join(configuration), home.join(configuration))?;
    Ok(home)
}

/// The folder that `TronWeb`, a client of TRON, is installed in: what the variable `TRONWEB` names, or
/// else the pinned version, installed on first use.
///
/// # Errors
/// If it cannot be installed.
pub(crate) fn tronweb(root: &Path) -> Result<PathBuf> {
    if let Some(path) = env::var_os("TRONWEB") {
        return Ok(path.into());
    }
    npm::need("TRONWEB")?;
    let home = process::target_dir(root).join("nodes/tronweb");
    npm::install(&root.join("xtask/nodes/tron"), &home).context("installing TronWeb")?;
    Ok(home)
}

/// The path of bitcoind, a node of Bitcoin with a wallet: what the variable `BITCOIND` names, or
/// else the one that Debian has, unpacked on first use.
///
/// # Errors
/// If it cannot be unpacked.
pub(crate) fn bitcoind(root: &Path) -> Result<PathBuf> {
    debian::program(&debian::BITCOIND, &process::target_dir(root).join("nodes"))
}

/// The path of litecoind, a node of Litecoin with a wallet: what the variable `LITECOIND` names, or
/// else the one that Debian has, unpacked on first use.
///
/// # Errors
/// If it cannot be unpacked.
pub(crate) fn litecoind(root: &Path) -> Result<PathBuf> {
    debian::program(&debian::LITECOIND, &process::target_dir(root).join("nodes"))
}

fn install(package: &Package, nodes: &Path) -> Result<PathBuf> {
    let Package { name, version, machine, .. } = package;
    let home = nodes.join(format!("{name}-{version}"));
    let program = home.join("package").join(package.program);
    if program.is_file() {
        return Ok(program);
    }
    ensure!(
        *machine == (env::consts::OS, env::consts::ARCH),
        "{name} is only pinned for {machine:?}; set {} to a program of version {version}",
        name.to_uppercase(),
    );
    npm::need(&name.to_uppercase())?;
    // Unpacked beside its place and moved there, so that a half installation is never found.
    let draft = nodes.join(format!("{name}-{version}.{}", std::process::id()));
    fs::create_dir_all(&draft)?;
    let installed = unpack(package, &draft).and_then(|()| {
        ensure!(draft.join("package").join(package.program).is_file(), "{name} is not in it");
        if !home.exists() {
            fs::rename(&draft, &home)?;
        }
        Ok(program)
    });
    drop(fs::remove_dir_all(&draft));
    installed.with_context(|| format!("installing {name} {version}"))
}

fn unpack(package: &Package, folder: &Path) -> Result<()> {
    let mut npm = Command::new("npm");
    npm.current_dir(folder).args(["pack", "--silent"]);
    npm.arg(format!("{}@{}", package.id, package.version));
    let packed = process::output(&mut npm)?;
    let packed = packed.lines().last().context("npm pack names no file")?.trim();
    let bytes = fs::read(folder.join(packed))?;
    verify(package, &bytes)?;
    process::run(Command::new("tar").current_dir(folder).args(["-xzf", packed]))?;
    Ok(fs::remove_file(folder.join(packed))?)
}

fn verify(package: &Package, bytes: &[u8]) -> Result<()> {
    let sha512 = BASE64_STANDARD.encode(Sha512::digest(bytes));
    let expected = package.sha512;
    ensure!(sha512 == expected, "SHA-512 is {sha512}, expected {expected}");
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::{ANVIL, Package, verify};

    #[test]
    fn other_bytes_are_refused() {
        // SHA-512 of nothing.
        let sha512 = "z4PhNX7vuL3xVChQ1m2AB9Yg5AULVxXcg/SpIdNs6c5H0NE8XYXysP+DGNKHfuwvY7kxvUdBeoGlODJ6+SfaPg==";
        let package = Package { sha512, ..ANVIL };
        assert!(verify(&package, b"").is_ok());
        assert!(verify(&package, b"x").is_err());
    }
}
