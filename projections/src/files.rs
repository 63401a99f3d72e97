//! The files of the views in a data folder, and who may write them.

use std::fs::{self, File};
use std::path::{Path, PathBuf};

use crate::checkpoint::ViewsError;
use crate::sqlite::FILE;

/// The right to write the views of a folder; one process at a time has it.
#[derive(Debug)]
pub struct Claim {
    folder: PathBuf,
    // The lock goes with the file.
    _lock: File,
}

impl Claim {
    /// Claims the views of `folder`, which is made if need be.
    ///
    /// # Errors
    ///
    /// [`ViewsError::InUse`] or [`ViewsError::Files`].
    pub fn on(folder: &Path) -> Result<Self, ViewsError> {
        fs::create_dir_all(folder)?;
        let path = folder.join("views.lock");
        let lock = File::options().create(true).truncate(false).write(true).open(path)?;
        lock.try_lock().map_err(|why| match why {
            fs::TryLockError::WouldBlock => ViewsError::InUse,
            fs::TryLockError::Error(error) => error.into(),
        })?;
        Ok(Self { folder: folder.to_owned(), _lock: lock })
    }

    /// The file of the views.
    #[must_use]
    pub fn file(&self) -> PathBuf {
        self.folder.join(FILE)
    }

    /// A place for views that are being built.
    ///
    /// # Errors
    ///
    /// [`ViewsError::Files`].
    pub fn scaffold(&self) -> Result<PathBuf, ViewsError> {
        let path = self.folder.join("views.building.db");
        remove(&path)?;
        remove(&beside(&path))?;
        Ok(path)
    }

    /// Puts what was built at `path` in the place of the views, at once or not at all.
    ///
    /// # Errors
    ///
    /// [`ViewsError::Files`].
    pub fn replace(&self, path: &Path) -> Result<(), ViewsError> {
        File::open(path)?.sync_all()?;
        let file = self.file();
        // The old file's write-ahead log must never be read into the new file.
        for beside in ["-wal", "-shm"] {
            remove(&with(&file, beside))?;
        }
        fs::rename(path, &file)?;
        // The new name is durable once the folder is.
        File::open(&self.folder)?.sync_all()?;
        Ok(())
    }
}

/// Where the other half of views is built, beside the one at `path`.
pub(crate) fn beside(path: &Path) -> PathBuf {
    with(path, ".other")
}

fn with(path: &Path, suffix: &str) -> PathBuf {
    let mut name = path.as_os_str().to_owned();
    name.push(suffix);
    name.into()
}

pub(crate) fn remove(path: &Path) -> Result<(), ViewsError> {
    match fs::remove_file(path) {
        Ok(()) => Ok(()),
        Err(error) if error.kind() == std::io::ErrorKind::NotFound => Ok(()),
        Err(error) => Err(error.into()),
    }
}
