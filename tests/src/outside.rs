//! What a story needs from outside of this workspace: interpreters with packages. Where they are
//! missing, the story says loudly that it did nothing.

use std::path::PathBuf;
use std::process::{Command, Stdio};

/// Says that a story was not tried, past the test harness, which keeps what a test prints to itself.
pub fn skipped(what: &str, why: &str) {
    let _ = Command::new("sh")
        .args(["-c", "printf '\\nSKIPPED: %s was not tried: %s\\n' \"$1\" \"$2\" >&2"])
        .args(["sh", what, why])
        .stderr(Stdio::inherit())
        .status();
}

/// The Python interpreter that `HUZHU_PYTHON` names, if it has what `imports` names.
#[must_use]
pub fn python(what: &str, imports: &str) -> Option<String> {
    let Ok(python) = std::env::var("HUZHU_PYTHON") else {
        skipped(what, "HUZHU_PYTHON is not set (see tests/python/requirements.txt)");
        return None;
    };
    match Command::new(&python).args(["-c", imports]).status() {
        Ok(status) if status.success() => Some(python),
        Ok(_) | Err(_) => {
            skipped(what, "HUZHU_PYTHON lacks the packages of tests/python/requirements.txt");
            None
        }
    }
}

/// The folder of Node packages that `HUZHU_NODE_MODULES` names, if `package` is in it.
#[must_use]
pub fn node_modules(what: &str, package: &str) -> Option<PathBuf> {
    let Some(folder) = std::env::var_os("HUZHU_NODE_MODULES").map(PathBuf::from) else {
        skipped(what, "HUZHU_NODE_MODULES is not set (see tests/node/package.json)");
        return None;
    };
    if !folder.join(package).is_dir() {
        skipped(what, "HUZHU_NODE_MODULES lacks the packages of tests/node/package.json");
        return None;
    }
    Some(folder)
}
