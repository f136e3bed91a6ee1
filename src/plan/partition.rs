//! Which part of a load one generator drives, and which part of that each of its workers.

/// One of several parts of a load. Tickets and virtual users are dealt out in turn: a part has those whose number is
/// its index modulo the number of parts.
///
/// Every part is cut from the one global sequence, so any number of parts issues exactly the same arrivals; n
/// generators with Poisson streams of a rate of 1/n each would not.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Partition {
    // Wide enough for the workers (16 bits) of a machine among machines (16 bits).
    index: u64,
    of: u64,
}

impl Partition {
    /// The whole load.
    pub const WHOLE: Partition = Partition { index: 0, of: 1 };

    /// Part `index` of `of`, as one of several machines has it; `None` unless `index` is below `of`.
    pub fn try_new(index: u16, of: u16) -> Option<Self> {
        (index < of).then_some(Self {
            index: u64::from(index),
            of: u64::from(of),
        })
    }

    /// Cuts this part into the parts of `workers` workers. Worker i of n on machine j of m has part j + m·i of m·n:
    /// the machine's k-th ticket is the ticket j + m·k of the whole, and the worker has those where k is i modulo n.
    pub fn split(self, workers: u16) -> impl Iterator<Item = Partition> {
        (0..u64::from(workers)).map(move |worker| Partition {
            index: self.index + self.of * worker,
            of: self.of * u64::from(workers),
        })
    }

    /// The index of this part, from 0.
    pub fn index(self) -> u64 {
        self.index
    }

    /// How many parts there are.
    pub fn of(self) -> u64 {
        self.of
    }

    /// Whether a ticket belongs to this part.
    pub fn holds(self, ticket: u64) -> bool {
        ticket % self.of == self.index
    }

    /// This part's share of `total` things that are dealt out in turn.
    pub fn share(self, total: u32) -> u32 {
        let total = u64::from(total);
        // Never more than `total`, so it fits.
        (total / self.of + u64::from(self.index < total % self.of)) as u32
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn a_part_is_one_of_those_that_there_are() {
        assert_eq!(Partition::try_new(0, 1), Some(Partition::WHOLE));
        assert_eq!(Partition::try_new(2, 2), None);
        assert_eq!(Partition::try_new(0, 0), None);
    }

    #[test]
    fn a_worker_of_a_machine_has_every_so_manyth_of_its_tickets() {
        let machine = Partition::try_new(1, 3).unwrap();
        let workers: Vec<Vec<u64>> = machine
            .split(2)
            .map(|part| (0..24).filter(|ticket| part.holds(*ticket)).collect())
            .collect();
        // The machine has 1, 4, 7, 10, … of the whole.
        assert_eq!(workers, [vec![1, 7, 13, 19], vec![4, 10, 16, 22]]);
    }

    proptest! {
        #[test]
        fn every_ticket_belongs_to_one_worker_of_one_machine(
            ticket in any::<u64>(),
            workers in proptest::collection::vec(1_u16..6, 1..5),
        ) {
            let machines = workers.len() as u16;
            let holders = (0_u16..).zip(&workers).flat_map(|(index, workers)| {
                let machine = Partition::try_new(index, machines).unwrap();
                machine.split(*workers).filter(move |part| part.holds(ticket)).map(move |_| index)
            });
            let holders: Vec<u16> = holders.collect();
            prop_assert_eq!(holders, vec![(ticket % u64::from(machines)) as u16]);
        }

        #[test]
        fn shares_add_up(total in 0_u32..10_000, machines in 1_u16..6, workers in 1_u16..6) {
            let sum: u32 = (0..machines)
                .flat_map(|index| Partition::try_new(index, machines).unwrap().split(workers))
                .map(|part| part.share(total))
                .sum();
            prop_assert_eq!(sum, total);
        }
    }
}
