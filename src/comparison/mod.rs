//! From the runs of two arms to a decision about what is claimed of them. Pure: no clock, no input or output; chance
//! comes from the seed.

mod bootstrap;
mod interval;
mod shift;
mod tape;

pub use bootstrap::REPLICATES;
pub use interval::Interval;
pub use shift::{QUANTILES, Shift, ShiftPoint, cliffs_delta, size_of};
