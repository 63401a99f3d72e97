//! The disk alone: 512 bytes and an `fdatasync`, again and again.

use std::fs::File;
use std::io::{Seek, SeekFrom, Write};
use std::path::Path;
use std::time::Instant;

use crate::report::Samples;

const RECORD: usize = 512;

/// A file that has its blocks already, so that a flush writes data and no more.
pub(crate) struct Disk {
    file: File,
    next: usize,
    records: usize,
}

impl Disk {
    pub(crate) fn new(folder: &Path, records: usize) -> Self {
        let mut file = File::create(folder.join("flushed")).unwrap();
        file.write_all(&vec![0; RECORD * records]).unwrap();
        file.sync_all().unwrap();
        Self { file, next: 0, records }
    }

    pub(crate) fn flush(&mut self, count: usize) -> Samples {
        let record = [0x5a; RECORD];
        let mut samples = Samples::default();
        let begun = Instant::now();
        for _ in 0..count {
            let begun = Instant::now();
            let place = u64::try_from(self.next % self.records * RECORD).unwrap();
            self.file.seek(SeekFrom::Start(place)).unwrap();
            self.file.write_all(&record).unwrap();
            self.file.sync_data().unwrap();
            samples.each.push(begun.elapsed());
            self.next += 1;
        }
        samples.took = begun.elapsed();
        samples
    }
}
