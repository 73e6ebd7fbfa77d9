//! A small file system on a pretended node, where root may make one.

use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;

/// Mounted until dropped.
pub struct SmallDisk(PathBuf);

impl SmallDisk {
    /// Mounts a tmpfs with these options (`size=8m`); `None` (with a printed reason) where that is not allowed.
    pub fn mount(at: &Path, options: &str) -> Option<SmallDisk> {
        fs::create_dir_all(at).expect("a folder to mount on");
        let mut mount = Command::new("mount");
        let mount = mount.args(["-t", "tmpfs", "-o", options, "tmpfs"]).arg(at);
        if mount.output().is_ok_and(|output| output.status.success()) {
            return Some(SmallDisk(at.to_path_buf()));
        }
        eprintln!("skipped: no tmpfs can be mounted here");
        None
    }
}

impl Drop for SmallDisk {
    fn drop(&mut self) {
        let _ = Command::new("umount").arg("-l").arg(&self.0).status();
    }
}
