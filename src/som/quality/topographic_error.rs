//! Topographic error: how often the two nearest units are no neighbours.

use super::MapView;

/// Topographic error, 0 to 1, lower is better: the share of samples whose two nearest units are more
/// than one step apart on the map.
///
/// Units have four neighbours here. Others count diagonal ones as neighbours too and get lower errors.
///
/// Reference: Kiviluoto, *Topology preservation in self-organizing maps* (ICNN 1996).
#[must_use]
pub fn topographic_error(map: &MapView) -> f64 {
    map.mean(|found| {
        let steps = map.steps(found.best as usize, found.second as usize);
        f64::from(u8::from(steps > 1))
    })
}
