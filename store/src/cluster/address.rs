//! Where a cluster is and how to get in: `esdb://user@host:2113,host:2113?tls=true&…`.
//!
//! The client library does not decode user and password, writes the whole address into its errors
//! and dies of a file that is missing. So the address is read here, secrets are kept apart, and the
//! library gets an address that holds none.

use std::fmt;
use std::path::{Path, PathBuf};
use std::str::FromStr;

/// How an address begins; `+discover` asks the one name for the members of the cluster.
const SCHEMES: [&str; 2] = ["esdb+discover", "esdb"];
/// Where a node listens unless the address says otherwise.
const PORT: u16 = 2113;

/// Where a cluster is and how to get in. Shows no secret when it is printed.
#[derive(Clone, PartialEq, Eq)]
pub struct Address {
    discover: bool,
    pub(super) nodes: Vec<(String, u16)>,
    settings: Vec<(String, String)>,
    /// Which nodes views are read from.
    pub(super) preference: Preference,
    user: Option<String>,
    password: Option<String>,
}

/// Which nodes are read from. What is decided on and appended goes to the leader in any case.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Preference {
    /// The node that takes the appends.
    #[default]
    Leader,
    /// One that follows the leader.
    Follower,
    /// Any.
    Random,
    /// One that never becomes leader.
    ReadOnlyReplica,
}

/// Why a text is no address of a cluster. Repeats nothing of it that could be a secret.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum AddressError {
    /// Another scheme.
    #[error("a cluster's address begins with esdb:// or esdb+discover://")]
    Scheme,
    /// No node, or one that cannot be reached by this name.
    #[error("the address names no node, or one that is not host or host:port")]
    Node,
    /// `+discover` asks one name.
    #[error("esdb+discover:// takes one name, not several")]
    Discover,
    /// Something stands behind the nodes.
    #[error("an address of a cluster has no path")]
    Path,
    /// A `%` without two hexadecimal digits, or bytes that are no text.
    #[error("user, password or a setting is not percent-encoded as it should be")]
    Encoding,
    /// A setting that the store sets itself or that there is none of.
    #[error("the address has no setting {name}")]
    Setting {
        /// Its name.
        name: String,
    },
    /// A value that the setting cannot have.
    #[error("{name} cannot have the value that the address gives it")]
    Value {
        /// The setting.
        name: String,
    },
    /// A file with certificates or a key that cannot be read or holds none.
    #[error("{name}: {file}: {why}")]
    File {
        /// The setting.
        name: String,
        /// The file.
        file: String,
        /// What is wrong.
        why: String,
    },
    /// A certificate proves nothing without its key.
    #[error("userCertFile and userKeyFile are given together or not at all")]
    Pair,
    /// A password and nobody whose it is.
    #[error("there is a password, but the address names no user")]
    User,
}

impl Address {
    /// The same address with a password from elsewhere: a file or the environment.
    ///
    /// # Errors
    ///
    /// [`AddressError::User`] if the address names no user.
    pub fn with_password(self, password: String) -> Result<Self, AddressError> {
        if self.user.is_none() {
            return Err(AddressError::User);
        }
        Ok(Self { password: Some(password), ..self })
    }

    /// User and password, decoded.
    pub(crate) fn credentials(&self) -> Option<(&str, &str)> {
        Some((self.user.as_deref()?, self.password.as_deref().unwrap_or_default()))
    }

    /// The address for the client library, without secrets. The nodes are turned round by `turn`,
    /// so that a cluster of which one node is gone is found through another.
    pub(crate) fn bare(&self, preference: Preference, turn: usize) -> String {
        let mut nodes: Vec<_> =
            self.nodes.iter().map(|(host, port)| format!("{host}:{port}")).collect();
        let by = turn.checked_rem(nodes.len()).unwrap_or(0);
        nodes.rotate_left(by);
        let scheme = if self.discover { "esdb+discover" } else { "esdb" };
        // One attempt of the library never succeeds, and its pause is spent before every first one.
        let mut address = format!(
            "{scheme}://{}?maxDiscoverAttempts=3&discoveryInterval=20&nodePreference={}",
            nodes.join(","),
            preference.name()
        );
        for (name, value) in &self.settings {
            address.push('&');
            address.push_str(name);
            address.push('=');
            encode(value, &mut address);
        }
        address
    }

    fn set(&mut self, name: &str, value: String) -> Result<(), AddressError> {
        let wrong = || AddressError::Value { name: name.to_owned() };
        let known = match name.to_lowercase().as_str() {
            "nodepreference" => {
                self.preference = Preference::named(&value).ok_or_else(wrong)?;
                return Ok(());
            }
            "tls" | "tlsverifycert" => value == "true" || value == "false",
            // Below ten seconds the library ignores them.
            "keepaliveinterval" | "keepalivetimeout" => {
                value == "-1" || value.parse::<u32>().is_ok_and(|given| given >= 10_000)
            }
            "gossiptimeout" => value.parse::<u32>().is_ok_and(|given| given > 0),
            "connectionname" => !value.is_empty(),
            "tlscafile" | "usercertfile" => pem(name, &value, "CERTIFICATE")?,
            "userkeyfile" => pem(name, &value, "PRIVATE KEY")?,
            _ => return Err(AddressError::Setting { name: name.to_owned() }),
        };
        if !known {
            return Err(wrong());
        }
        self.settings.push((name.to_owned(), value));
        Ok(())
    }

    /// What the address says of a setting.
    pub(super) fn setting(&self, name: &str) -> Option<&str> {
        let mut settings = self.settings.iter();
        let (_, value) = settings.find(|(set, _)| set.eq_ignore_ascii_case(name))?;
        Some(value)
    }

    /// Whether a node has to prove who it is.
    pub(super) fn verifies(&self) -> bool {
        ["tls", "tlsVerifyCert"].into_iter().all(|name| self.setting(name) != Some("false"))
    }
}

impl Preference {
    fn named(name: &str) -> Option<Self> {
        let all = [Self::Leader, Self::Follower, Self::Random, Self::ReadOnlyReplica];
        all.into_iter().find(|one| one.name().eq_ignore_ascii_case(name))
    }

    const fn name(self) -> &'static str {
        match self {
            Self::Leader => "leader",
            Self::Follower => "follower",
            Self::Random => "random",
            Self::ReadOnlyReplica => "readOnlyReplica",
        }
    }
}

/// The library panics over a file that it cannot read.
fn pem(name: &str, file: &str, what: &str) -> Result<bool, AddressError> {
    let failed =
        |why: String| AddressError::File { name: name.to_owned(), file: file.to_owned(), why };
    let text =
        std::fs::read_to_string(PathBuf::from(file)).map_err(|why| failed(why.to_string()))?;
    let begins = text.lines().any(|line| line.starts_with("-----BEGIN ") && line.contains(what));
    if begins { Ok(true) } else { Err(failed(format!("it holds no {what}"))) }
}

impl FromStr for Address {
    type Err = AddressError;

    fn from_str(text: &str) -> Result<Self, AddressError> {
        let (scheme, rest) = text.split_once("://").ok_or(AddressError::Scheme)?;
        let scheme = SCHEMES.into_iter().find(|known| *known == scheme);
        let discover = scheme.ok_or(AddressError::Scheme)?.ends_with("+discover");
        let (rest, query) = rest.split_once('?').unwrap_or((rest, ""));
        let (user, nodes) = match rest.rsplit_once('@') {
            Some((user, nodes)) => (Some(user), nodes),
            None => (None, rest),
        };
        let nodes = nodes.strip_suffix('/').unwrap_or(nodes);
        if nodes.contains('/') {
            return Err(AddressError::Path);
        }
        let nodes = nodes.split(',').map(node).collect::<Result<Vec<_>, _>>()?;
        if discover && nodes.len() > 1 {
            return Err(AddressError::Discover);
        }
        let (user, password) = user.map_or((None, None), |user| match user.split_once(':') {
            Some((user, password)) => (Some(user), Some(password)),
            None => (Some(user), None),
        });
        let mut address = Self {
            discover,
            nodes,
            settings: Vec::new(),
            preference: Preference::default(),
            user: user.map(decode).transpose()?,
            password: password.map(decode).transpose()?,
        };
        for setting in query.split('&').filter(|setting| !setting.is_empty()) {
            let (name, value) = setting.split_once('=').unwrap_or((setting, ""));
            address.set(name, decode(value)?)?;
        }
        if address.setting("userCertFile").is_some() != address.setting("userKeyFile").is_some() {
            return Err(AddressError::Pair);
        }
        Ok(address)
    }
}

fn node(text: &str) -> Result<(String, u16), AddressError> {
    let (host, port) = match text.rsplit_once(':') {
        Some((host, port)) => (host, port.parse().map_err(|_| AddressError::Node)?),
        None => (text, PORT),
    };
    let plain = |byte: u8| byte.is_ascii_alphanumeric() || b"-._".contains(&byte);
    if host.is_empty() || !host.bytes().all(plain) {
        return Err(AddressError::Node);
    }
    Ok((host.to_owned(), port))
}

fn decode(text: &str) -> Result<String, AddressError> {
    let mut bytes = Vec::with_capacity(text.len());
    let mut rest = text.as_bytes();
    while let Some((byte, after)) = rest.split_first() {
        rest = after;
        if *byte != b'%' {
            bytes.push(*byte);
            continue;
        }
        let (digits, after) = rest.split_at_checked(2).ok_or(AddressError::Encoding)?;
        let digits = std::str::from_utf8(digits).map_err(|_| AddressError::Encoding)?;
        bytes.push(u8::from_str_radix(digits, 16).map_err(|_| AddressError::Encoding)?);
        rest = after;
    }
    String::from_utf8(bytes).map_err(|_| AddressError::Encoding)
}

fn encode(text: &str, out: &mut String) {
    use fmt::Write;
    for byte in text.bytes() {
        if byte.is_ascii_alphanumeric() || b"-._~".contains(&byte) {
            out.push(char::from(byte));
        } else {
            // Writing to a string does not fail.
            let _ = write!(out, "%{byte:02X}");
        }
    }
}

/// The first line of a file: how a secret is handed to a service.
///
/// # Errors
///
/// What the system says, or that the file is empty.
pub fn secret_of(file: &Path) -> Result<String, std::io::Error> {
    let text = std::fs::read_to_string(file)?;
    match text.lines().next().filter(|line| !line.is_empty()) {
        Some(line) => Ok(line.to_owned()),
        None => Err(std::io::Error::new(std::io::ErrorKind::InvalidData, "the file is empty")),
    }
}

/// Without user, password and settings.
impl fmt::Display for Address {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(if self.discover { "esdb+discover://" } else { "esdb://" })?;
        for (place, (host, port)) in self.nodes.iter().enumerate() {
            write!(f, "{}{host}:{port}", if place == 0 { "" } else { "," })?;
        }
        Ok(())
    }
}

impl fmt::Debug for Address {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Display::fmt(self, f)
    }
}

#[cfg(test)]
mod tests;
