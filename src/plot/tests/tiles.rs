//! Grids of images.

use super::*;

#[test]
fn tiles_have_hard_edges_and_exact_greys() {
    let figure = grid().draw().unwrap();
    let caption = figure.caption();
    assert!(
        caption.contains("Orange: 1 undefined pixel in 1 tile. The last cell is empty."),
        "{caption}"
    );
    assert!(figure.svg().contains("data:image/png;base64,i"));
    let page = figure.page_svg();
    assert!(page.contains("data:image/png;base64,i") && !page.contains("\"raster\""));
    // Nothing that drawings side by side in a page could share.
    assert!(!page.contains(" id=") && !page.contains("url("));
    assert!(page.contains("<text") && page.contains("<title>") && page.contains("Orange: 1"));
    let png = Pixmap::decode_png(&figure.png().unwrap()).unwrap();
    // Seven pixels of a tile across 600: a factor of 85, twice that in the PNG; the grid ends 33 pixels above the foot.
    let (cell, left) = (170, 32);
    let top = (0..png.height()).find(|&y| {
        let pixel = png.pixel(left + cell * 3 / 2, y).unwrap();
        (pixel.red(), pixel.green()) == (0, 0)
    });
    let top = top.unwrap();
    let at = |x: u32, y: u32| {
        let pixel = png.pixel(x, y).unwrap();
        (pixel.red(), pixel.green(), pixel.blue())
    };
    let middle =
        |column: u32, row: u32| at(left + column * cell + cell / 2, top + row * cell + cell / 2);
    assert_eq!(middle(0, 0), (0, 0, 0));
    assert_eq!(middle(3, 0), (200, 200, 200));
    assert_eq!(middle(4, 0), (255, 255, 255));
    assert_eq!(middle(0, 3), (128, 128, 128));
    assert_eq!(middle(1, 3), (0xD5, 0x5E, 0x00));
    assert_eq!(middle(2, 3), (255, 255, 255));
    assert_eq!(middle(0, 4), (0, 0, 0));
    let edge = left + 3 * cell;
    assert_eq!(
        (at(edge - 1, top + 5), at(edge, top + 5)),
        ((0, 0, 0), (200, 200, 200))
    );
    let inverted = ImageGrid {
        invert: true,
        ..grid()
    }
    .draw()
    .unwrap();
    assert_ne!(inverted.svg(), figure.svg());
}

#[test]
fn wrong_tiles_are_refused() {
    let mut short = grid();
    short.tiles[1].pop();
    let message = short.draw().unwrap_err().to_string();
    assert!(
        message.contains("tile 1 has 5 values, but 2 x 3 pixels need 6"),
        "{message}"
    );
    let many = ImageGrid { rows: 1, ..grid() };
    assert!(matches!(many.draw(), Err(Error::Tiles { tiles: 3, .. })));
    let flat = ImageGrid {
        tile: (0, 3),
        ..grid()
    };
    assert!(matches!(
        flat.draw(),
        Err(Error::Empty {
            what: "pixels in a tile",
            ..
        })
    ));
    let huge = ImageGrid {
        rows: 5000,
        columns: 5000,
        tiles: Vec::new(),
        ..grid()
    };
    assert!(matches!(huge.draw(), Err(Error::Size { .. })));
}
