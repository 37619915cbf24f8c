//! Coloured cells: their places, colours and words.

use super::*;

fn panel(rows: usize, columns: usize, words: bool) -> LatticePanel {
    let cells = rows * columns;
    let words = (0..if words { cells } else { 0 }).map(|cell| (cell % 10).to_string());
    LatticePanel {
        label: "share of the commonest class".to_owned(),
        rows,
        columns,
        values: (0..cells).map(|cell| cell as f64 / cells as f64).collect(),
        words: words.collect(),
        range: Some((0.0, 1.0)),
    }
}

fn lattice() -> Lattice {
    let mut distances = panel(15, 15, false);
    distances.label = "distance of neighbouring prototypes".to_owned();
    distances.range = None;
    Lattice {
        title: "An 8 \u{d7} 8 map of MNIST".to_owned(),
        panels: vec![distances, panel(8, 8, true)],
        caption: "1 run".to_owned(),
        note: None,
    }
}

/// Fills of the cells, as `#RRGGBB`.
fn fills(figure: &Figure) -> Vec<String> {
    let cells = figure
        .drawing
        .lines()
        .filter(|line| line.starts_with("<rect"));
    let fill = |line: &str| Some(line.split_once("fill=\"")?.1.split('"').next()?.to_owned());
    cells.filter_map(fill).collect()
}

#[test]
fn lattices_are_legible() {
    assert_legible(&lattice().draw().unwrap());
    for (rows, columns) in [(20, 20), (10, 1), (1, 1), (3, 12)] {
        let panels = vec![panel(rows, columns, true)];
        assert_legible(
            &Lattice {
                panels,
                ..lattice()
            }
            .draw()
            .unwrap(),
        );
    }
}

#[test]
fn cells_are_coloured_by_their_values() {
    let mut one = panel(1, 4, true);
    one.values = vec![0.0, 1.0, f64::NAN, 2.0];
    one.range = Some((0.0, 1.0));
    let figure = Lattice {
        panels: vec![one],
        ..lattice()
    }
    .draw()
    .unwrap();
    let fills = fills(&figure);
    // The page comes first; values beyond the range have its last colour.
    assert_eq!(fills[1..5], ["#F4F8FB", "#002E5C", "#FFFFFF", "#002E5C"]);
    assert!(
        figure
            .svg()
            .contains("1 cell has no value and is left white.")
    );
    let data = "share of the commonest class, row by row: 0: 0, 1: 1, 2: -, 3: 2.";
    assert!(
        figure.description().contains(data),
        "{}",
        figure.description()
    );
}

#[test]
fn equal_values_are_in_the_middle_of_the_range() {
    let mut flat = panel(2, 2, false);
    (flat.values, flat.range) = (vec![0.0; 4], None);
    let figure = Lattice {
        panels: vec![flat],
        ..lattice()
    }
    .draw()
    .unwrap();
    assert_legible(&figure);
    assert_eq!(fills(&figure)[1], "#7A93AC");
}

#[test]
fn impossible_lattices_are_refused() {
    let refused = |change: fn(&mut Lattice)| {
        let mut lattice = lattice();
        change(&mut lattice);
        lattice.draw().unwrap_err().to_string()
    };
    assert!(refused(|l| l.panels.clear()).contains("no panels"));
    assert!(refused(|l| l.panels[0].rows = 0).contains("no cells"));
    let message = refused(|l| l.panels[0].values.truncate(224));
    assert!(
        message.contains("224 values for 15 x 15 cells"),
        "{message}"
    );
    let message = refused(|l| l.panels[1].words.truncate(63));
    assert!(message.contains("63 words for 8 x 8 cells"), "{message}");
    let message = refused(|l| l.panels[1].range = Some((1.0, 1.0)));
    assert!(message.contains("ranges from 1 to 1"), "{message}");
}
