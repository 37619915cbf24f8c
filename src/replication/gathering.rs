//! Which stored runs count for a protocol.

use super::{Protocol, VariantRecords};
use crate::nn::Precision;
use crate::random::Seed;
use crate::runs::{Identity, Record};
use crate::{Error, data};

/// The records of each variant, as far as `look_up` knows them: exact precision; the protocol's seeds,
/// and of each variant those that follow them without a gap, so that nobody's choice of seeds gets in.
///
/// # Errors
/// If a data set is unknown, and those of `look_up`.
pub fn gather(
    protocol: &Protocol,
    look_up: &mut dyn FnMut(&Identity) -> Result<Option<Record>, Error>,
) -> Result<Vec<VariantRecords>, Error> {
    let mut gathered = Vec::with_capacity(protocol.variants.len());
    for variant in &protocol.variants {
        let data_sha256 = data::dataset_sha256(variant.data)?;
        let records = VariantRecords {
            id: variant.id.clone(),
            planned: protocol.seeds as usize,
            records: Vec::new(),
        };
        gathered.push((variant, data_sha256, records));
    }
    for (variant, data_sha256, into) in &mut gathered {
        for seed in 0.. {
            let identity = variant.identity(data_sha256, Seed(seed), Precision::default());
            let record = look_up(&identity)?;
            if record.is_none() && seed >= protocol.seeds {
                break;
            }
            into.records.extend(record);
        }
    }
    let records = gathered.into_iter().map(|(_, _, records)| records);
    Ok(records.collect())
}
