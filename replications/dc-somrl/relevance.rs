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
//! models, samples and nodes. The one loop is that of [`Insertion::FarthestFirst`], over the nodes it makes.

use tch::{Device, Kind, Tensor};

use super::map_settings::{
    Distance, Insertion, MapSettings, Measure, Neighbours, Removal, Winners,
};

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
    /// Above 0 where there is a node, `[models, nodes]`. By [`Removal::Wins`] 1 and the samples that it has won in
    /// this pass.
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
        let activation = self.activation(&sums.unsqueeze(1), self.distances(z));
        activation.masked_fill(&self.life.le(0.0).unsqueeze(1), FREE)
    }

    /// `a` from the sums of relevances and `D`.
    fn activation(&self, sums: &Tensor, distances: Tensor) -> Tensor {
        let distances = match self.settings.measure {
            Measure::Squared => distances,
            Measure::Root => distances.sqrt(),
        };
        sums / (distances + sums + self.settings.epsilon)
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

    /// The second half of a step of the map itself: lives run down or wins are counted, nodes are removed, and what
    /// no node stands for becomes new nodes. A place that is freed can be taken in the same step. `ended`: the rows
    /// of a pass, where this batch is its last one.
    pub fn renew(&mut self, z: &Tensor, response: &Response, ended: Option<i64>) {
        let life = match self.settings.removal {
            Removal::Life => self.older(response),
            Removal::Wins => self.counted(response, ended),
        };
        // A free place has no life to lose.
        self.remove(&life.lt(DEAD).logical_or(&self.life.le(0.0)), &life);
        let (nodes, count) = match self.settings.insertion {
            Insertion::Means | Insertion::AsCoded => self.means_of_distant(z, response),
            Insertion::FarthestFirst => self.farthest_first(z, response),
        };
        self.insert(&nodes, &count);
    }

    /// The first half of a step: winners move towards the means of their samples, other nodes that are reached with
    /// as much less as they are reached; averages and relevances follow.
    pub fn update(&mut self, z: &Tensor, response: &Response, reach: &Tensor) {
        let settings = self.settings;
        let (of_winners, counts) = means(&response.reach_of_winners(), z);
        let winning = counts.gt(0.0);
        let of_winners = match settings.winners {
            Winners::Own => of_winners,
            Winners::Reached => means(reach, z).0,
        };
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

    /// Lives after a step: less by the decay, 1 for nodes that samples above the threshold have won.
    fn older(&self, response: &Response) -> Tensor {
        let trained = response.reach_of_winners();
        let winning = trained.sum_dim_intlist(1, false, Kind::Float).gt(0.0);
        (&self.life - self.settings.life_decay).masked_fill(&winning, 1.0)
    }

    /// Lives that count wins, of samples below the threshold too; when a pass ends, 0 for nodes that have won too
    /// few, 1 for the others. A map keeps its last node.
    fn counted(&self, response: &Response, ended: Option<i64>) -> Tensor {
        let won = response.won.sum_dim_intlist(1, false, Kind::Float);
        let counted = &self.life + won;
        let Some(rows) = ended else { return counted };
        // Of places without a node only what has won counts: nothing.
        let counted = counted.masked_fill(&self.life.le(0.0), 0.0);
        let (most, _) = counted.max_dim(-1, true);
        let enough = counted.ge(1.0 + self.settings.least_wins * rows as f64);
        enough
            .logical_or(&counted.ge_tensor(&most))
            .to_kind(Kind::Float)
    }

    /// New lives; what `gone` marks becomes free places.
    fn remove(&mut self, gone: &Tensor, life: &Tensor) {
        self.life = life.masked_fill(gone, 0.0);
        let gone = gone.unsqueeze(-1);
        self.centres = self.centres.masked_fill(&gone, 0.0);
        self.averages = self.averages.masked_fill(&gone, 0.0);
        self.relevance = self.relevance.masked_fill(&gone, 1.0);
    }

    /// The means of each winner's samples below the threshold `[models, nodes, features]`, in the order in which
    /// they are wanted; and how many there are, `[models, 1]`.
    fn means_of_distant(&self, z: &Tensor, response: &Response) -> (Tensor, Tensor) {
        let low: Tensor = 1.0 - &response.high;
        let groups: Tensor = &response.won * low;
        let (means, sizes) = means(&groups, z);
        let none = sizes.le(0.0);
        let order = if self.settings.insertion == Insertion::AsCoded {
            let numbers = Tensor::arange(self.settings.nodes, (Kind::Float, z.device()));
            -numbers.expand_as(&sizes)
        } else {
            let beyond = Tensor::from(2.0_f32).to_device(z.device());
            let of_groups = response.highest.where_self(&groups.gt(0.0), &beyond);
            of_groups.min_dim(1, false).0
        };
        let order = order.masked_fill(&none, f64::INFINITY);
        let wanted = order.argsort_stable(true, -1, false).unsqueeze(-1);
        let nodes = means.gather(1, &wanted.expand_as(&self.centres), false);
        (nodes, count(&none.logical_not()))
    }

    /// See [`Insertion::FarthestFirst`]; as [`Self::means_of_distant`].
    fn farthest_first(&self, z: &Tensor, response: &Response) -> (Tensor, Tensor) {
        let features = z.size()[2];
        let free = count(&self.life.le(0.0));
        // From no node one sample is as far as another: the first node is their mean.
        let (lowest, _) = response.highest.min_dim(1, false);
        let is_empty = lowest.le(FREE);
        let mean = z.mean_dim([1].as_slice(), true, Kind::Float);
        let sums = Tensor::from(features as f32).to_device(z.device());
        let mut highest = response.highest.squeeze_dim(-1);
        let nodes = self.centres.zeros_like();
        let mut made = free.zeros_like();
        for place in 0..self.settings.nodes {
            let (lowest, row) = highest.min_dim(-1, true);
            let wanted = lowest.lt(self.settings.threshold);
            let wanted = wanted.logical_and(&made.lt_tensor(&free));
            if wanted.any().int64_value(&[]) == 0 {
                break;
            }
            let rows = row.unsqueeze(-1).expand([-1, 1, features], false);
            let sample = z.gather(1, &rows, false);
            let first = is_empty.logical_and(&made.eq(0));
            let node = mean.where_self(&first.unsqueeze(-1), &sample);
            nodes.narrow(1, place, 1).copy_(&node);
            made += wanted.to_kind(Kind::Int64);
            let squares = (z - &node).square();
            let distances = squares.sum_dim_intlist(-1, false, Kind::Float);
            let nearer = highest.maximum(&self.activation(&sums, distances));
            // A sample that has become a node becomes none again, whatever the threshold.
            let taken = nearer.scatter_value(-1, &row, 2.0);
            let nearer = nearer.where_self(&first, &taken);
            highest = nearer.where_self(&wanted, &highest);
        }
        (nodes, made)
    }

    /// Puts the first `wanted` `[models, 1]` of `nodes` `[models, nodes, features]` into free places, as far as there
    /// are any.
    fn insert(&mut self, nodes: &Tensor, wanted: &Tensor) {
        let occupied = self.life.gt(0.0).to_kind(Kind::Int64);
        let free = occupied.argsort_stable(true, -1, false);
        let fits = wanted.minimum(&count(&self.life.le(0.0)));
        let places = Tensor::arange(self.settings.nodes, (Kind::Int64, nodes.device()));
        let fits = places.unsqueeze(0).lt_tensor(&fits);
        let wide = free.unsqueeze(-1).expand_as(&self.centres);
        // Every place is written: with the new node where there is one for it, else with what it held.
        let olds = self.centres.gather(1, &wide, false);
        let centres = nodes.where_self(&fits.unsqueeze(-1), &olds);
        self.centres = self.centres.scatter(1, &wide, &centres);
        let life = self.life.gather(1, &free, false).masked_fill(&fits, 1.0);
        self.life = self.life.scatter(1, &free, &life);
    }
}

/// How many are set in each row of a mask, `[models, 1]`.
fn count(mask: &Tensor) -> Tensor {
    mask.sum_dim_intlist(-1, true, Kind::Int64)
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
