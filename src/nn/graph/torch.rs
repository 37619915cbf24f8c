//! A [`Graph`]'s weights in PyTorch's names and layout, and back.
//!
//! The encoder and the decoder are each an `nn.Sequential`: a module's number in the names is its
//! place there. Dense weights are `[outputs, inputs]` and convolutions' `[outputs, inputs, 3, 3]`, so
//! `load_state_dict` takes them as they are.

use std::collections::HashMap;

use tch::Tensor;

use super::{Graph, Module, NORM_EPSILON, NORM_MOMENTUM};
use crate::nn::parameters::{Parameters, Slot};

/// How a tensor of ours becomes PyTorch's.
#[derive(Debug, Clone, Copy)]
enum Turn {
    /// `[inputs, outputs]` to `[outputs, inputs]`, and back.
    Transpose,
    /// `[1, outputs]` to `[outputs]`.
    Flatten,
    /// `[outputs, 3, 3, inputs]` to `[outputs, inputs, 3, 3]`.
    ChannelsFirst,
    /// None.
    Same,
}

impl Turn {
    fn to_torch(self, ours: &Tensor) -> Tensor {
        match self {
            Self::Transpose => ours.transpose(0, 1).contiguous(),
            Self::Flatten => ours.reshape([-1]),
            Self::ChannelsFirst => ours.permute([0, 3, 1, 2]).contiguous(),
            Self::Same => ours.shallow_clone(),
        }
    }

    fn to_ours(self, torch: &Tensor) -> Tensor {
        match self {
            Self::Transpose => torch.transpose(0, 1),
            Self::Flatten => torch.unsqueeze(0),
            Self::ChannelsFirst => torch.permute([0, 2, 3, 1]),
            Self::Same => torch.shallow_clone(),
        }
    }
}

/// The tensors of a module: PyTorch's name, our slot, what is between them.
fn tensors(module: &Module) -> Vec<(&'static str, Slot, Turn)> {
    match *module {
        Module::Dense { weight, bias, .. } => vec![
            ("weight", weight, Turn::Transpose),
            ("bias", bias, Turn::Flatten),
        ],
        Module::Convolution { weight, bias, .. } => vec![
            ("weight", weight, Turn::ChannelsFirst),
            ("bias", bias, Turn::Same),
        ],
        Module::BatchNorm {
            scale,
            shift,
            mean,
            variance,
            ..
        } => vec![
            ("weight", scale, Turn::Same),
            ("bias", shift, Turn::Same),
            ("running_mean", mean, Turn::Same),
            ("running_var", variance, Turn::Same),
        ],
        Module::Relu | Module::MaxPool | Module::Upsample | Module::Reshape(_) => Vec::new(),
    }
}

impl Graph {
    /// Every tensor of one model under its name in PyTorch, e.g. `encoder.0.weight`.
    #[must_use]
    pub fn to_torch(&self, parameters: &Parameters, model: i64) -> Vec<(String, Tensor)> {
        let all = self.named();
        all.into_iter()
            .map(|(name, slot, turn)| {
                let ours = parameters.value(slot).select(0, model);
                (name, turn.to_torch(&ours))
            })
            .collect()
    }

    /// Sets one model to what [`to_torch`](Self::to_torch) gave; other tensors are not looked at.
    ///
    /// # Errors
    /// If a tensor is missing or has another shape; the message names it.
    pub fn read_torch(
        &self,
        parameters: &Parameters,
        model: i64,
        tensors: &HashMap<String, Tensor>,
    ) -> Result<(), String> {
        for (name, slot, turn) in self.named() {
            let stored = tensors
                .get(&name)
                .ok_or_else(|| format!("there is no tensor {name}"))?;
            let mut ours = parameters.value(slot).select(0, model);
            let expected = turn.to_torch(&ours).size();
            if stored.size() != expected {
                return Err(format!(
                    "{name} has the shape {:?}, but the settings say {expected:?}",
                    stored.size()
                ));
            }
            ours.copy_(&turn.to_ours(stored));
        }
        Ok(())
    }

    fn named(&self) -> Vec<(String, Slot, Turn)> {
        let halves = [("encoder", &self.encoder), ("decoder", &self.decoder)];
        let modules = halves.into_iter().flat_map(|(half, modules)| {
            let numbered = modules.iter().enumerate();
            numbered.map(move |(number, module)| (format!("{half}.{number}"), module))
        });
        modules
            .flat_map(|(place, module)| {
                let tensors = tensors(module).into_iter();
                tensors.map(move |(name, slot, turn)| (format!("{place}.{name}"), slot, turn))
            })
            .collect()
    }

    /// The Python expression that makes both halves with PyTorch's `nn`: an `nn.ModuleDict` for
    /// `load_state_dict`.
    #[must_use]
    pub fn torch_expression(&self) -> String {
        let half = |modules: &[Module]| {
            // Between a reshape to more than one dimension and one to a row, channels flow.
            let mut images = false;
            let all = modules.iter().map(|module| {
                if let Module::Reshape(shape) = module {
                    images = shape.len() > 1;
                }
                expression(module, images)
            });
            format!("nn.Sequential({})", all.collect::<Vec<_>>().join(", "))
        };
        format!(
            "nn.ModuleDict({{\"encoder\": {}, \"decoder\": {}}})",
            half(&self.encoder),
            half(&self.decoder)
        )
    }
}

fn expression(module: &Module, images: bool) -> String {
    match module {
        Module::Dense {
            inputs, outputs, ..
        } => format!("nn.Linear({inputs}, {outputs})"),
        Module::Convolution {
            inputs,
            outputs,
            padding,
            ..
        } => format!("nn.Conv2d({inputs}, {outputs}, 3, padding={padding})"),
        Module::Relu => "nn.ReLU()".to_owned(),
        Module::BatchNorm { features, .. } => {
            // PyTorch's momentum is the part that is new.
            let momentum = ((1.0 - NORM_MOMENTUM) * 1e6).round() / 1e6;
            let dims = if images { 2 } else { 1 };
            format!("nn.BatchNorm{dims}d({features}, eps={NORM_EPSILON}, momentum={momentum})")
        }
        Module::MaxPool => "nn.MaxPool2d(2, ceil_mode=True)".to_owned(),
        Module::Upsample => "nn.Upsample(scale_factor=2)".to_owned(),
        Module::Reshape(shape) => match shape.as_slice() {
            [_] => "nn.Flatten()".to_owned(),
            shape => {
                let shape: Vec<String> = shape.iter().map(ToString::to_string).collect();
                format!("nn.Unflatten(1, ({}))", shape.join(", "))
            }
        },
    }
}
