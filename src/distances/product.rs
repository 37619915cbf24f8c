//! Products of dense matrices of doubles, on the calling thread.

/// A view of a row-major matrix, or of its transpose.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Matrix<'a> {
    values: &'a [f64],
    rows: usize,
    columns: usize,
    row_stride: usize,
    column_stride: usize,
}

impl<'a> Matrix<'a> {
    /// All of `values`, `columns` to a row.
    pub(crate) fn new(values: &'a [f64], columns: usize) -> Self {
        Self {
            values,
            rows: values.len() / columns,
            columns,
            row_stride: columns,
            column_stride: 1,
        }
    }

    /// Rows and columns exchanged.
    pub(crate) fn transposed(self) -> Self {
        Self {
            rows: self.columns,
            columns: self.rows,
            row_stride: self.column_stride,
            column_stride: self.row_stride,
            ..self
        }
    }

    /// `count` rows from `first` on.
    ///
    /// # Panics
    /// If there are not as many: a bug of the caller.
    pub(crate) fn rows(self, first: usize, count: usize) -> Self {
        assert!(
            first + count <= self.rows,
            "rows {first}..{} of {}",
            first + count,
            self.rows
        );
        Self {
            values: &self.values[first * self.row_stride..],
            rows: count,
            ..self
        }
    }
}

/// `out = a b`, row-major.
///
/// # Panics
/// If the shapes do not fit: a bug of the caller.
pub(crate) fn multiply(a: Matrix, b: Matrix, out: &mut [f64]) {
    assert!(
        a.columns == b.rows && out.len() == a.rows * b.columns,
        "[{}, {}] times [{}, {}] into {} values",
        a.rows,
        a.columns,
        b.rows,
        b.columns,
        out.len()
    );
    // SAFETY: a view reaches no farther than its values (`new` and `rows` see to it, a transpose has
    // the same elements), the shapes fit one another, and nothing else refers to `out`.
    unsafe {
        gemm::gemm(
            a.rows,
            b.columns,
            a.columns,
            out.as_mut_ptr(),
            1,
            b.columns as isize,
            false,
            a.values.as_ptr(),
            a.column_stride as isize,
            a.row_stride as isize,
            b.values.as_ptr(),
            b.column_stride as isize,
            b.row_stride as isize,
            0.0,
            1.0,
            false,
            false,
            false,
            gemm::Parallelism::None,
        );
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn transposes_and_parts_are_multiplied() {
        // a = [[1, 2, 3], [4, 5, 6]]
        let values = [1.0, 2.0, 3.0, 4.0, 5.0, 6.0];
        let a = Matrix::new(&values, 3);
        let mut out = [f64::NAN; 4];
        multiply(a, a.transposed(), &mut out);
        assert_eq!(out.map(|v| v as i64), [14, 32, 32, 77]);
        let mut out = [f64::NAN; 6];
        multiply(a.transposed().rows(1, 2), a, &mut out);
        assert_eq!(out.map(|v| v as i64), [22, 29, 36, 27, 36, 45]);
        let mut out = [f64::NAN; 2];
        multiply(a.rows(1, 1), Matrix::new(&values, 2), &mut out);
        assert_eq!(out.map(|v| v as i64), [49, 64]);
    }

    #[test]
    #[should_panic(expected = "[2, 3] times [2, 3]")]
    fn shapes_that_do_not_fit_are_refused() {
        let values = [0.0; 6];
        let a = Matrix::new(&values, 3);
        multiply(a, a, &mut [0.0; 4]);
    }
}
