//! From the runs of two arms to a decision about what is claimed of them. Pure: no clock, no input or output; chance
//! comes from the seed.
//!
//! [`Case::judge`] is the whole: which runs count ([`Trial::unusable`], [`Pair::unusable`]), each claim against the
//! interval of its ratio ([`ClaimFinding`]), figures and distributions side by side, one verdict. `docs/decisions/0018`
//! says why the intervals are what they are.

mod bands;
mod bootstrap;
mod capacities;
mod case;
mod claim;
mod figures;
#[cfg(test)]
pub(crate) mod fixture;
mod interval;
mod measure;
mod sessions;
mod shares;
mod shift;
mod tally;
mod tape;
#[cfg(test)]
mod tests;
mod trial;
pub mod wording;

pub use bands::{BandShares, shares as band_shares};
pub use bootstrap::{REPLICATES, Resampling};
pub use case::{Case, Outcome};
pub use claim::ClaimFinding;
pub use figures::FigureRow;
pub use interval::Interval;
pub use measure::{Basis, RUN_TO_RUN_ASSUMED};
pub use shift::{QUANTILES, Shift, ShiftPoint, cliffs_delta, size_of};
pub use trial::{Capacity, OpenEnd, Pair, Trial};
