//! Labels beside the ends of lines: moved apart so that none covers another.

/// Places blocks of the given heights near their wanted centres, in the order of the centres, without overlap, inside
/// `bounds`. Returns the centres in the order of the input.
///
/// Blocks that touch move as one group, to the mean of what its members want: the least-squares placement (isotonic
/// regression by pooling adjacent violators; Barlow et al. 1972). When the blocks do not fit, they fill the bounds
/// from the top and run over the bottom: give room for the sum of the heights.
pub(super) fn spread(wanted: &[f64], heights: &[f64], bounds: (f64, f64)) -> Vec<f64> {
    struct Group {
        members: Vec<usize>,
        top: f64,
        height: f64,
        wishes: f64,
    }
    let mut order: Vec<usize> = (0..wanted.len()).collect();
    order.sort_by(|&a, &b| wanted[a].total_cmp(&wanted[b]));
    let place = |group: &mut Group| {
        let top = group.wishes / group.members.len() as f64;
        group.top = top.min(bounds.1 - group.height).max(bounds.0);
    };
    let mut groups: Vec<Group> = Vec::new();
    for index in order {
        let mut group = Group {
            members: vec![index],
            top: 0.0,
            height: heights[index],
            wishes: wanted[index] - heights[index] / 2.0,
        };
        place(&mut group);
        while let Some(above) = groups.pop_if(|above| above.top + above.height > group.top) {
            // Each member wants the group's top to be its own wish, less the members above it.
            group.wishes = above.wishes + group.wishes - above.height * group.members.len() as f64;
            group.height += above.height;
            group.members = [above.members, group.members].concat();
            place(&mut group);
        }
        groups.push(group);
    }
    let mut centres = vec![0.0; wanted.len()];
    for group in groups {
        let mut top = group.top;
        for index in group.members {
            centres[index] = top + heights[index] / 2.0;
            top += heights[index];
        }
    }
    centres
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn labels_with_room_stay() {
        assert_eq!(
            spread(&[80.0, 20.0, 50.0], &[10.0; 3], (0.0, 100.0)),
            [80.0, 20.0, 50.0]
        );
        assert!(spread(&[], &[], (0.0, 1.0)).is_empty());
    }

    #[test]
    fn touching_labels_move_apart_evenly() {
        assert_eq!(
            spread(&[50.0, 50.0], &[10.0; 2], (0.0, 100.0)),
            [45.0, 55.0]
        );
        assert_eq!(
            spread(&[50.0, 52.0, 51.0], &[10.0; 3], (0.0, 100.0)),
            [41.0, 61.0, 51.0]
        );
    }

    #[test]
    fn labels_stay_inside_the_bounds() {
        assert_eq!(
            spread(&[0.0, 1.0, 99.0], &[10.0; 3], (0.0, 100.0)),
            [5.0, 15.0, 95.0]
        );
        assert_eq!(
            spread(&[99.0, 99.0], &[10.0; 2], (0.0, 100.0)),
            [85.0, 95.0]
        );
    }
}
