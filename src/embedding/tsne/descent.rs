//! Gradient descent with momentum and a gain per coordinate.

/// Gains grow by this when a coordinate keeps its direction, shrink by that factor when not, and
/// never below the last (van der Maaten and Hinton 2008, after Jacobs 1988).
const GROWTH: f64 = 0.2;
const DECAY: f64 = 0.8;
const LEAST_GAIN: f64 = 0.01;

/// The points on their way.
pub(super) struct Descent {
    pub points: Vec<[f64; 2]>,
    updates: Vec<[f64; 2]>,
    gains: Vec<[f64; 2]>,
}

impl Descent {
    pub fn new(points: Vec<[f64; 2]>) -> Self {
        let count = points.len();
        Self {
            points,
            updates: vec![[0.0; 2]; count],
            gains: vec![[1.0; 2]; count],
        }
    }

    /// Forgets momentum and gains, as scikit-learn does between its two phases.
    pub fn restart(&mut self) {
        self.updates.fill([0.0; 2]);
        self.gains.fill([1.0; 2]);
    }

    /// Moves each point against its gradient. Returns the norm of all gradients times gains.
    pub fn step(
        &mut self,
        gradient: impl Fn(usize) -> [f64; 2],
        momentum: f64,
        learning_rate: f64,
    ) -> f64 {
        let mut square = 0.0;
        let moving = self
            .points
            .iter_mut()
            .zip(&mut self.updates)
            .zip(&mut self.gains);
        for (number, ((point, update), gain)) in moving.enumerate() {
            let gradient = gradient(number);
            for axis in 0..2 {
                let grown = if update[axis] * gradient[axis] < 0.0 {
                    gain[axis] + GROWTH
                } else {
                    gain[axis] * DECAY
                };
                gain[axis] = grown.max(LEAST_GAIN);
                let slope = gradient[axis] * gain[axis];
                square += slope * slope;
                update[axis] = momentum * update[axis] - learning_rate * slope;
                point[axis] += update[axis];
            }
        }
        square.sqrt()
    }
}
