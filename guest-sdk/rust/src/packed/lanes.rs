//! Which lanes of a frame have stopped.

/// The lanes that go no further in this frame. Kept from frame to frame, so that it needs memory
/// once; a frame in which no lane stops does not touch the table at all.
#[derive(Default)]
pub(crate) struct StoppedLanes {
    /// For each lane whether it has stopped. Means nothing until `any`.
    table: Vec<bool>,
    lanes: usize,
    any: bool,
}

impl StoppedLanes {
    pub(crate) const fn new() -> Self {
        Self { table: Vec::new(), lanes: 0, any: false }
    }

    /// Begins a frame of so many lanes, all going.
    pub(crate) fn begin(&mut self, lanes: usize) {
        self.lanes = lanes;
        self.any = false;
    }

    /// Whether any lane has stopped.
    pub(crate) fn any(&self) -> bool {
        self.any
    }

    /// Whether this lane has stopped.
    pub(crate) fn contains(&self, lane: usize) -> bool {
        self.any && self.table.get(lane).is_some_and(|stopped| *stopped)
    }

    /// Stops a lane, which is below the frame's number of lanes.
    pub(crate) fn stop(&mut self, lane: usize) {
        if !self.any {
            self.table.clear();
            self.table.resize(self.lanes, false);
            self.any = true;
        }
        if let Some(stopped) = self.table.get_mut(lane) {
            *stopped = true;
        }
    }
}
