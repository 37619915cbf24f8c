//! The self-organising map with relevance learning, on batches.
//!
//! Every node has a centre `c`, a relevance `w` in (0, 1] for each feature, a moving average `d` of how far
//! samples lie from it in each feature, and a life. After LARFDSSOM (Bassani & Araujo 2015) and the batch
//! form of the paper's authors; what neither fixes is a setting. For a batch of codes:
//!
//! ```text
//! D_j(z) = sum_f w_jf (z_f - c_jf)^2        a_j(z) = S_j / (S_j + D_j(z) + e),  S_j = sum_f w_jf
//! ```
//!
//! The winner of a sample is the node of highest activation `a`. Samples whose winner reaches the threshold
//! train it; the others become new nodes while there are free ones. All of it is tensor operations over
//! models, samples and nodes; no loop goes over any of them.

use tch::{Device, Kind, Tensor};

use super::map_settings::{Distance, Insertion, MapSettings, Measure, Neighbours};

/// Below this a life is over: sums of decays are not exact.
const DEAD: f64 = 1e-6;
/// The activation of a free place: below any node's.
const FREE: f64 = -1.0;

/// The maps of a cohort. Free places have life 0, relevances 1 and zeros elsewhere.
#[derive(Debug)]
pub struct RelevanceMap {
    settings: MapSettings,
    /// `[models, nodes, features]`
    pub centres: Tensor,
    /// `[models, nodes, features]`
    pub relevance: Tensor,
    /// Moving averages of the distances in each feature, `[models, nodes, features]`.
    pub averages: Tensor,
    /// `[models, nodes]`
    pub life: Tensor,
}

/// What a batch of codes does to the nodes before anything changes.
#[derive(Debug)]
pub struct Response {
    /// `[models, batch, nodes]`; -1 for free places.
    pub activation: Tensor,
    /// `[models, batch]`
    pub winners: Tensor,
    /// The winners' activations, `[models, batch, 1]`.
    highest: Tensor,
    /// 1 for samples that train their winners, `[models, batch, 1]`.
    high: Tensor,
    /// 1 at each sample's winner, `[models, batch, nodes]`.
    won: Tensor,
}

impl Response {
    /// [`RelevanceMap::reach`] of winners alone: 1 for each sample that reaches the threshold at its winner,
    /// `[models, batch, nodes]`.
    pub fn reach_of_winners(&self) -> Tensor {
        &self.won * &self.high
    }
}

impl RelevanceMap {
    /// Maps without a node, for codes of so many features.
    #[must_use]
    pub fn new(settings: MapSettings, models: i64, features: i64, device: Device) -> Self {
        let shape = [models, settings.nodes, features];
        let zeros = |shape: &[i64]| Tensor::zeros(shape, (Kind::Float, device));
        Self {
            settings,
            centres: zeros(&shape),
            relevance: zeros(&shape) + 1.0,
            averages: zeros(&shape),
            life: zeros(&shape[..2]),
        }
    }

    /// The map's tensors by name: all that a next step depends on.
    pub fn parts(&self) -> [(&'static str, &Tensor); 4] {
        [
            ("som.prototypes", &self.centres),
            ("som.relevance", &self.relevance),
            ("som.averages", &self.averages),
            ("som.life", &self.life),
        ]
    }

    /// 1 where there is a node, `[models, nodes]`.
    pub fn occupied(&self) -> Tensor {
        self.life.gt(0.0).to_kind(Kind::Float)
    }

    /// `D_j(z)`, `[models, batch, nodes]`, for codes `[models, batch, features]`.
    fn distances(&self, z: &Tensor) -> Tensor {
        let squares = (z.unsqueeze(2) - self.centres.unsqueeze(1)).square();
        match self.settings.distance {
            Distance::PerDimension => {
                (squares * self.relevance.unsqueeze(1)).sum_dim_intlist(-1, false, Kind::Float)
            }
            Distance::AsCoded => {
                let mean = self.relevance.mean_dim([-1].as_slice(), false, Kind::Float);
                squares.sum_dim_intlist(-1, false, Kind::Float) * mean.unsqueeze(1)
            }
        }
    }

    /// The activations of codes `[models, batch, features]`, `[models, batch, nodes]`.
    pub fn activations(&self, z: &Tensor) -> Tensor {
        let sums = self.relevance.sum_dim_intlist(-1, false, Kind::Float);
        let sums = sums.unsqueeze(1);
        let distances = match self.settings.measure {
            Measure::Squared => self.distances(z),
            Measure::Root => self.distances(z).sqrt(),
        };
        let activation = &sums / (distances + &sums + self.settings.epsilon);
        activation.masked_fill(&self.life.le(0.0).unsqueeze(1), FREE)
    }

    /// Activations, winners, and which samples reach the threshold.
    #[must_use]
    pub fn respond(&self, z: &Tensor) -> Response {
        let activation = self.activations(z);
        let (highest, winners) = activation.max_dim(-1, true);
        let won = activation.zeros_like();
        let won = won.scatter_value(-1, &winners, 1.0);
        Response {
            high: highest.ge(self.settings.threshold).to_kind(Kind::Float),
            winners: winners.squeeze_dim(-1),
            activation,
            highest,
            won,
        }
    }

    /// How much each sample counts for each node, `[models, batch, nodes]`: 1 for its winner, less for other
    /// nodes above the threshold, nothing for nodes below it and for samples that do not reach it.
    pub fn reach(&self, response: &Response, width: f64) -> Tensor {
        let Response {
            activation,
            highest,
            high,
            won,
            ..
        } = response;
        let above = activation.ge(self.settings.threshold).to_kind(Kind::Float);
        let share = match self.settings.neighbours {
            Neighbours::None => won.shallow_clone(),
            Neighbours::Activation => ((activation - highest) / width).exp(),
            Neighbours::Rank => {
                let order = activation.argsort_stable(true, -1, true);
                let ranks = order.argsort_stable(true, -1, false);
                (ranks.to_kind(Kind::Float) / -width).exp()
            }
        };
        // A tie with the winner has its full share too.
        share * above * high
    }

    /// The loss of each sample's weighted distances to the nodes it reaches, `[models]`, and its gradient
    /// with respect to the codes:
    ///
    /// ```text
    /// L = 1/n sum_i sum_j h_ij sum_f w_jf (z_if - c_jf)^2
    /// ```
    ///
    /// over the n samples that reach the threshold, with h, c and w held constant; 0 if there is none.
    pub fn loss(&self, z: &Tensor, response: &Response, reach: &Tensor) -> (Tensor, Tensor) {
        let pull = self.pull(z, response, reach);
        let gradient = pull.sum_dim_intlist(2, false, Kind::Float) * 2.0;
        let distances = pull * (z.unsqueeze(2) - self.centres.unsqueeze(1));
        let each = distances.sum_dim_intlist([2, 3].as_slice(), false, Kind::Double);
        (each.sum_dim_intlist(-1, false, Kind::Double), gradient)
    }

    /// [`Self::loss`] with the root of each inner sum, as equation 2 of the paper is printed: `[models]`, and its
    /// gradient `[models, batch, features]`, 0 where a sample lies on a centre.
    pub fn loss_of_norms(
        &self,
        z: &Tensor,
        response: &Response,
        reach: &Tensor,
    ) -> (Tensor, Tensor) {
        let differences = z.unsqueeze(2) - self.centres.unsqueeze(1);
        let squares = differences.square() * self.relevance.unsqueeze(1);
        let lengths = squares.sum_dim_intlist(-1, true, Kind::Float).sqrt();
        let of_length = self.pull(z, response, reach) / lengths.clamp_min(1e-12);
        let each =
            (&of_length * differences).sum_dim_intlist([2, 3].as_slice(), false, Kind::Double);
        let gradient = of_length.sum_dim_intlist(2, false, Kind::Float);
        (each.sum_dim_intlist(-1, false, Kind::Double), gradient)
    }

    /// `h_ij w_jf (z_if - c_jf) / n`, `[models, batch, nodes, features]`.
    fn pull(&self, z: &Tensor, response: &Response, reach: &Tensor) -> Tensor {
        let samples = response
            .high
            .sum_dim_intlist([1, 2].as_slice(), false, Kind::Float);
        let share = samples.clamp_min(1.0).reciprocal().view([-1, 1, 1]);
        let differences = z.unsqueeze(2) - self.centres.unsqueeze(1);
        differences * self.relevance.unsqueeze(1) * reach.unsqueeze(-1) * share.unsqueeze(-1)
    }

    /// The loss as the authors' code has it, of the means of the winners' samples,
    /// `sum_j sum_f w_jf (mean_f - c_jf)^2`, after the map's own step; and its gradient.
    pub fn loss_of_means(&self, z: &Tensor, response: &Response) -> (Tensor, Tensor) {
        let trained = response.reach_of_winners();
        let (means, counts) = means(&trained, z);
        let step = means - &self.centres;
        let winning = counts.gt(0.0).to_kind(Kind::Float).unsqueeze(-1);
        let pull = &step * &self.relevance * winning;
        let each = (&pull * step).sum_dim_intlist(-1, false, Kind::Double);
        let of_one = pull * 2.0 / counts.clamp_min(1.0).unsqueeze(-1);
        let gradient = trained.matmul(&of_one);
        (each.sum_dim_intlist(-1, false, Kind::Double), gradient)
    }

    /// One step of the map itself: winners move towards the means of their samples, other nodes that are
    /// reached with as much less as they are reached; averages and relevances follow; lives run down, the
    /// dead are removed, and what no node stands for becomes new nodes.
    pub fn learn(&mut self, z: &Tensor, response: &Response, reach: &Tensor) {
        self.update(z, response, reach);
        self.renew(z, response);
    }

    /// The second half of [`Self::learn`]: lives, removal, insertion. A place that is freed can be taken in
    /// the same step.
    pub fn renew(&mut self, z: &Tensor, response: &Response) {
        self.age(response);
        self.insert(z, response);
    }

    /// The first half of [`Self::learn`]: centres, averages and relevances.
    pub fn update(&mut self, z: &Tensor, response: &Response, reach: &Tensor) {
        let settings = self.settings;
        let (of_winners, counts) = means(&response.reach_of_winners(), z);
        let winning = counts.gt(0.0);
        let others = reach * winning.logical_not().unsqueeze(1).to_kind(Kind::Float);
        let (of_others, weight) = means(&others, z);
        let reached = others.gt(0.0).sum_dim_intlist(1, false, Kind::Float);
        let share = weight / reached.clamp_min(1.0) * settings.neighbour_rate;
        let rate = share.where_self(
            &winning.logical_not(),
            &Tensor::from(1.0_f32).to_device(z.device()),
        ) * settings.rate;
        let rate = rate.unsqueeze(-1);
        let target = of_winners.where_self(&winning.unsqueeze(-1), &of_others);
        let step = target - &self.centres;
        // Nodes that nothing reaches have the rate 0.
        let follow = (step.abs() - &self.averages) * &rate * settings.smoothing;
        self.averages = &self.averages + follow;
        self.relevance = relevances(&self.averages, settings.slope);
        self.centres = &self.centres + step * rate;
    }

    fn age(&mut self, response: &Response) {
        let trained = response.reach_of_winners();
        let winning = trained.sum_dim_intlist(1, false, Kind::Float).gt(0.0);
        let older = &self.life - self.settings.life_decay;
        let life = older.masked_fill(&winning, 1.0);
        // A free place has no life to lose.
        let gone = life.lt(DEAD).logical_or(&self.life.le(0.0));
        self.life = life.masked_fill(&gone, 0.0);
        let gone = gone.unsqueeze(-1);
        self.centres = self.centres.masked_fill(&gone, 0.0);
        self.averages = self.averages.masked_fill(&gone, 0.0);
        self.relevance = self.relevance.masked_fill(&gone, 1.0);
    }

    /// New nodes in free places, those of the lowest activation first.
    fn insert(&mut self, z: &Tensor, response: &Response) {
        let low: Tensor = 1.0 - &response.high;
        let groups: Tensor = &response.won * low;
        let lowest = response.highest.where_self(
            &groups.gt(0.0),
            &Tensor::from(2.0_f32).to_device(z.device()),
        );
        // `[models, nodes]`: of each winner's samples below the threshold, 2 without any.
        let (lowest, farthest) = lowest.min_dim(1, false);
        let nodes = match self.settings.insertion {
            Insertion::Means => means(&groups, z).0,
            Insertion::Farthest => {
                let rows = farthest.unsqueeze(-1).expand_as(&self.centres);
                // From no node one sample is as far as another: the first node is the mean.
                let is_first = lowest.le(FREE).unsqueeze(-1);
                means(&groups, z)
                    .0
                    .where_self(&is_first, &z.gather(1, &rows, false))
            }
        };
        let wanted = lowest.argsort_stable(true, -1, false);
        let free = self
            .life
            .gt(0.0)
            .to_kind(Kind::Int64)
            .argsort_stable(true, -1, false);
        let count = |mask: Tensor| mask.sum_dim_intlist(-1, true, Kind::Int64);
        let fits = count(lowest.lt(1.5)).minimum(&count(self.life.le(0.0)));
        let places = Tensor::arange(self.settings.nodes, (Kind::Int64, z.device()));
        let fits = places.unsqueeze(0).lt_tensor(&fits);
        let wide = |index: &Tensor| index.unsqueeze(-1).expand_as(&self.centres);
        // Every place is written: with the new node where there is one for it, else with what it held.
        let news = nodes.gather(1, &wide(&wanted), false);
        let olds = self.centres.gather(1, &wide(&free), false);
        let centres = news.where_self(&fits.unsqueeze(-1), &olds);
        self.centres = self.centres.scatter(1, &wide(&free), &centres);
        let life = self.life.gather(1, &free, false).masked_fill(&fits, 1.0);
        self.life = self.life.scatter(1, &free, &life);
    }
}

/// For each node the mean of the codes weighted by `weights` `[models, batch, nodes]`, zeros without any
/// weight, `[models, nodes, features]`; and the sums of the weights, `[models, nodes]`.
fn means(weights: &Tensor, z: &Tensor) -> (Tensor, Tensor) {
    let sums = weights.sum_dim_intlist(1, false, Kind::Float);
    let whole = weights.transpose(1, 2).matmul(z);
    let divisor = sums.masked_fill(&sums.le(0.0), 1.0);
    (whole / divisor.unsqueeze(-1), sums)
}

/// `1 / (1 + exp((d - mean d) / (s (max d - min d))))` for each node; 1 where all its averages are equal.
fn relevances(averages: &Tensor, slope: f64) -> Tensor {
    let mean = averages.mean_dim([-1].as_slice(), true, Kind::Float);
    let (most, _) = averages.max_dim(-1, true);
    let (least, _) = averages.min_dim(-1, true);
    let spread = most - least;
    let equal = spread.le(0.0);
    let scaled = (mean - averages) / (spread.masked_fill(&equal, 1.0) * slope);
    scaled.sigmoid().masked_fill(&equal, 1.0)
}

#[cfg(test)]
#[path = "relevance_tests.rs"]
mod tests;
