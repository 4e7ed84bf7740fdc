//! Dictionary learning before training, layer by layer, on the input of each layer.

use std::ops::ControlFlow;

use scn_data::{bytes_of, check_memory};

use super::Network;
use super::lesson::Lesson;
use crate::cpu::CpuExecutor;
use crate::error::NetError;
use crate::executor::Executor;
use crate::finite::check_pixels;
use crate::learning::{LearnedDictionary, LearningProgress};
use crate::memory::code_bytes;
use crate::step::StepLayer;
use crate::tensor::Tensor;

impl Network {
    /// Learns the dictionaries of all sparse coding layers, in forward order.
    ///
    /// The settings are those of [`NetworkConfig::learned`](crate::NetworkConfig::learned). The
    /// batches are passed through the layers with the dictionaries learned so far, and each layer
    /// learns on windows of its input. Each batch is normalised by its own moments (with
    /// `batch_norm.group`, by those of its groups), as in training; running moments do not change.
    /// Labels are not used.
    ///
    /// Atoms have norm 1, and replace the previous ones whatever
    /// [`NetworkConfig::dictionary`](crate::NetworkConfig::dictionary) is. λ1 and all other
    /// parameters do not change. The computation runs on the CPU, in the thread pool of the caller,
    /// whatever the device of the network is. The seed draws the windows. The same batches and the
    /// same seed give bit-identical results for any number of threads.
    ///
    /// `watcher` is called several times a second, and stops the learning by returning a break.
    ///
    /// ```
    /// use std::ops::ControlFlow;
    /// use scn_net::{Network, Shape, Tensor, presets};
    ///
    /// let mut config = presets::get("digits")?;
    /// config.set("network.dictionary", "learned")?;
    /// config.set("network.learned.windows", "500")?;
    /// let mut network = Network::new(&config.network, config.seed)?;
    ///
    /// // Sixteen images, all in one batch.
    /// let shape = Shape { channels: 1, images: 16, height: 8, width: 8 };
    /// let pixels = (0..shape.len()).map(|k| (k * k % 17) as f32 / 16.0).collect();
    /// let batch = Tensor::new(shape, pixels)?;
    /// let learned = network.learn_dictionaries([batch], config.seed, &mut |progress| {
    ///     println!("layer {} of {}", progress.layer + 1, progress.layers);
    ///     ControlFlow::Continue(())
    /// })?;
    /// assert_eq!(learned.len(), 5);
    /// # Ok::<(), Box<dyn std::error::Error>>(())
    /// ```
    ///
    /// # Errors
    /// Returns an error if there are no images or some have the wrong shape, if pixels or
    /// activations are not finite, or if there is not enough memory for the activations of all
    /// batches or the windows of a layer. Returns [`NetError::Learning`] if the square of a window
    /// is not finite, and [`NetError::Stopped`] if the watcher stops the learning. The network is
    /// then unchanged.
    pub fn learn_dictionaries(
        &mut self,
        batches: impl IntoIterator<Item = Tensor>,
        seed: u64,
        watcher: &mut dyn FnMut(&LearningProgress) -> ControlFlow<()>,
    ) -> Result<Vec<LearnedDictionary>, NetError> {
        let mut images = 0;
        let mut maps = Vec::new();
        for map in batches {
            let shape = map.shape();
            self.check_shape([shape.channels, shape.height, shape.width])?;
            check_pixels(&map).map_err(|error| error.counted_from(images))?;
            images += shape.images;
            maps.push(map);
        }
        let settings = self.config.learned.unwrap_or_default();
        self.check_learning_memory(images, settings.windows)?;
        self.fetch()?;
        let before = self.dictionaries(|dictionary| dictionary.clone());
        let lesson = Lesson {
            settings,
            max_passes: self.config.solver.max_passes,
            seed,
            layers: before.len(),
            watcher,
        };
        let learned = self.learn_each(maps, lesson);
        if learned.is_err() {
            let mut before = before.into_iter();
            self.dictionaries(|dictionary| *dictionary = before.next().unwrap_or_default());
            return learned;
        }
        self.refresh()?;
        self.unlearned = false;
        learned
    }

    /// Checks that there is enough memory for the largest map of all images and the windows of any
    /// layer.
    fn check_learning_memory(&self, images: usize, windows: usize) -> Result<(), NetError> {
        let [channels, height, width] = self.config.input;
        let input = bytes_of::<f32>(&[images, channels, height, width]);
        let maps = code_bytes(&self.config, images).fold(input, u64::max);
        let inputs = self.config.layers.iter().map(|layer| layer.atoms);
        let widest = inputs.fold(channels, usize::max);
        let side = self.config.window;
        let windows = windows.min(images.saturating_mul(height * width));
        let windows = bytes_of::<f32>(&[windows, widest, side, side]);
        check_memory(
            "the activations that dictionaries are learned from",
            maps.saturating_add(windows),
        )?;
        Ok(())
    }

    /// Visits the values of the dictionaries in forward order.
    fn dictionaries<R>(&mut self, visit: impl FnMut(&mut Vec<f32>) -> R) -> Vec<R> {
        let steps = self.steps.list_mut().iter_mut();
        let dictionaries = steps.filter_map(|step| match &mut step.layer {
            StepLayer::SparseCoding(coding) => Some(&mut coding.dictionary.value),
            _ => None,
        });
        dictionaries.map(visit).collect()
    }

    fn learn_each(
        &mut self,
        mut maps: Vec<Tensor>,
        mut lesson: Lesson<'_>,
    ) -> Result<Vec<LearnedDictionary>, NetError> {
        let mut executor = CpuExecutor::new(&self.config.solver, &self.steps)?;
        let mut learned = Vec::new();
        for index in 0..self.steps.list().len() {
            let step = &mut self.steps.list_mut()[index];
            if let StepLayer::SparseCoding(coding) = &mut step.layer {
                let done = lesson.learn(coding, &maps, learned.len());
                learned.push(done.map_err(|failure| failure.of(&step.name))?);
                if learned.len() == lesson.layers {
                    break;
                }
                executor.load(&mut self.steps)?;
            }
            let mut images = 0;
            for map in &mut maps {
                lesson.tell(learned.len(), 0, 0, None)?;
                let count = map.shape().images;
                let groups = self.pass_settings(count).groups;
                let done = executor.forward(&mut self.steps, index, map.clone(), groups);
                *map = done.map_err(|error| error.counted_from(images))?;
                images += count;
            }
        }
        Ok(learned)
    }
}
