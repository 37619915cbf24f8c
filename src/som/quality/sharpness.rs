//! Sharpness ratio: are decoded prototypes as sharp as the images they stand for?

use super::Error;

/// Sharpness ratio, 0 and up; 1 is as sharp as the data, below is blurred, above sharper or noisy.
///
/// The mean gradient norm of the decoded prototypes over that of the data. The gradient of an image is
/// taken by central differences inside and one-sided ones at the borders; its norm
/// `sqrt(g_x^2 + g_y^2)` is averaged over the pixels of an image, then over the images.
///
/// `data` and `prototypes` are images of `[height, width]` pixels, row by row, at least two pixels
/// either way. Undefined if all data images are plain: they have no gradient.
///
/// Reference: Forest et al., *Deep embedded self-organizing maps for joint representation learning and
/// topology-preserving clustering* (Neural Computing and Applications 2021).
///
/// # Errors
/// [`Error::Image`] if either does not consist of whole images of that size.
pub fn sharpness_ratio(
    data: &[f32],
    prototypes: &[f32],
    [height, width]: [usize; 2],
) -> Result<Option<f64>, Error> {
    let pixels = height.saturating_mul(width);
    for (name, values) in [("data", data), ("prototypes", prototypes)] {
        if height < 2 || width < 2 || values.is_empty() || !values.len().is_multiple_of(pixels) {
            return Err(Error::Image {
                name,
                values: values.len(),
                height,
                width,
            });
        }
    }
    let of_data = sharpness(data, width, pixels);
    Ok((of_data > 0.0).then(|| sharpness(prototypes, width, pixels) / of_data))
}

/// The mean over images of the mean norm of the gradient.
fn sharpness(images: &[f32], width: usize, pixels: usize) -> f64 {
    let means = images.chunks_exact(pixels).map(|image| {
        let mut sum = 0.0;
        for (y, line) in image.chunks_exact(width).enumerate() {
            // Lines and columns before and after; at the border the pixel's own.
            let above = &image[y.saturating_sub(1) * width..][..width];
            let last = pixels / width - 1;
            let below = &image[(y + 1).min(last) * width..][..width];
            let lines = if y == 0 || y == last { 1.0 } else { 0.5 };
            for x in 0..width {
                let right = (x + 1).min(width - 1);
                let left = x.saturating_sub(1);
                let across = f64::from(line[right]) - f64::from(line[left]);
                let across = across / (right - left) as f64;
                let down = (f64::from(below[x]) - f64::from(above[x])) * lines;
                sum += (across * across + down * down).sqrt();
            }
        }
        sum / pixels as f64
    });
    means.sum::<f64>() / (images.len() / pixels) as f64
}
