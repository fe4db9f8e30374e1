use std::time::Instant;

use sfu_model::Path;

/// Most validated paths of a peer: two networks with both address families, over UDP, TCP and relays. When
/// there are more, the one that was checked longest ago gives way, unless it is the selected one.
pub(super) const MAX_PATHS: usize = 16;

#[derive(Debug)]
struct ValidPath {
    path: Path,
    checked_at: Instant,
    nominated_at: Option<Instant>,
}

/// The validated paths of a peer, in the order of their validation, and the selected one.
#[derive(Debug, Default)]
pub(super) struct ValidPaths {
    paths: Vec<ValidPath>,
    selected: Option<Path>,
}

impl ValidPaths {
    /// Returns where to send: the path that was nominated last, or the first validated one.
    pub(super) fn selected(&self) -> Option<Path> {
        self.selected
    }

    pub(super) fn contains(&self, path: Path) -> bool {
        self.paths.iter().any(|valid| valid.path == path)
    }

    pub(super) fn iter(&self) -> impl Iterator<Item = Path> + '_ {
        self.paths.iter().map(|valid| valid.path)
    }

    /// Notes an authentic check. Returns the path that gave way to a fresh one.
    pub(super) fn check(&mut self, now: Instant, path: Path, nominates: bool) -> Option<Path> {
        let nominated_at = nominates.then_some(now);
        let mut evicted = None;
        if let Some(valid) = self.paths.iter_mut().find(|valid| valid.path == path) {
            valid.checked_at = now;
            valid.nominated_at = nominated_at.or(valid.nominated_at);
        } else {
            evicted = self.make_room();
            self.paths.push(ValidPath {
                path,
                checked_at: now,
                nominated_at,
            });
        }
        if nominates || self.selected.is_none() {
            self.selected = Some(path);
        }
        evicted
    }

    /// Forgets a path that is gone; the next best is selected.
    pub(super) fn forget(&mut self, path: Path) {
        self.paths.retain(|valid| valid.path != path);
        if self.selected == Some(path) {
            let nominated = self
                .paths
                .iter()
                .filter(|valid| valid.nominated_at.is_some())
                .max_by_key(|valid| valid.nominated_at);
            let next = nominated.or_else(|| self.paths.first());
            self.selected = next.map(|valid| valid.path);
        }
    }

    fn make_room(&mut self) -> Option<Path> {
        if self.paths.len() < MAX_PATHS {
            return None;
        }
        let oldest = self
            .paths
            .iter()
            .filter(|valid| Some(valid.path) != self.selected)
            .min_by_key(|valid| valid.checked_at)
            .map(|valid| valid.path)?;
        self.paths.retain(|valid| valid.path != oldest);
        Some(oldest)
    }
}
