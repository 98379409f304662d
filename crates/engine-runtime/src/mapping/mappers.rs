//! The mappings of a run, compiled once for all the items that their steps run for.

use std::collections::HashMap;
use std::sync::{Arc, Mutex, PoisonError};

use engine_spec::Mapping;

use super::lookup::Lasting;
use super::{Mapper, StepRecords};

/// What was compiled of the mappings of a run.
#[derive(Default)]
pub(crate) struct Mappers {
    /// What is the same for all runs of a flow within this one.
    shared: Arc<Mutex<Compiled>>,
    /// What looks up what this run alone has.
    own: Mutex<Compiled>,
}

/// What was compiled, by the places in memory of what it was made of.
type Compiled = HashMap<(usize, Over), (Arc<Mapping>, Arc<Mapper>)>;

/// What the paths of a mapping are over.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
enum Over {
    /// The record, which is the `item`.
    Records,
    /// An answer, beside the `item`.
    Answers,
}

impl Mappers {
    /// Makes those of a run within this one.
    pub(crate) fn within(&self) -> Self {
        Self { shared: Arc::clone(&self.shared), own: Mutex::default() }
    }

    /// Returns what maps records as a checked mapping says. Lookups in the records of steps are asked for by name.
    pub(crate) fn of_records(&self, mapping: &Arc<Mapping>, records: &dyn StepRecords) -> Arc<Mapper> {
        self.of(mapping, Over::Records, records)
    }

    /// Returns what maps answers as an `extract` says.
    pub(crate) fn of_answers(&self, mapping: &Arc<Mapping>, records: &dyn StepRecords) -> Arc<Mapper> {
        self.of(mapping, Over::Answers, records)
    }

    fn of(&self, mapping: &Arc<Mapping>, over: Over, records: &dyn StepRecords) -> Arc<Mapper> {
        // What it was made of is held, so that nothing else comes to stand there.
        let key = (Arc::as_ptr(mapping).addr(), over);
        for known in [&*self.shared, &self.own] {
            let known = known.lock().unwrap_or_else(PoisonError::into_inner);
            if let Some((_, mapper)) = known.get(&key).filter(|(_, mapper)| mapper.lasting.is_right(records)) {
                return Arc::clone(mapper);
            }
        }
        let mapper = Arc::new(match over {
            Over::Records => Mapper::new(mapping, records),
            Over::Answers => Mapper::of_answers(mapping, records),
        });
        let known = match mapper.lasting {
            Lasting::Always => &*self.shared,
            Lasting::Run(_) => &self.own,
            Lasting::Item => return mapper,
        };
        let entry = (Arc::clone(mapping), Arc::clone(&mapper));
        known.lock().unwrap_or_else(PoisonError::into_inner).insert(key, entry);
        mapper
    }
}
