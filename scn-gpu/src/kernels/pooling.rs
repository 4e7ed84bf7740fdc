//! Average pooling.

use crate::error::ArgumentError;
use crate::kernels::elements::{thread_per_item, warp_per_item};
use crate::launch::{DeviceKernel, Grid, kernels};
use crate::memory::view::{View, ViewMut};
use crate::sizes::{expect_len, size};

kernels! {
    /// The mean of each plane.
    AveragePooling = "average_pooling" in Pooling {
        x: View<'a, f32>,
        planes: i32,
        plane: i32,
        y: ViewMut<'a, f32>,
    }

    /// The transpose of [`AveragePooling`].
    SpreadPooling = "spread_pooling" in Pooling {
        dy: View<'a, f32>,
        planes: i32,
        plane: i32,
        dx: ViewMut<'a, f32>,
    }
}

impl DeviceKernel for AveragePooling<'_> {
    fn grid(&self) -> Result<Option<Grid>, ArgumentError> {
        let planes = size(self.planes);
        expect_len("the map", planes * size(self.plane), self.x.len())?;
        expect_len("the means", planes, self.y.len())?;
        warp_per_item(planes)
    }
}

impl DeviceKernel for SpreadPooling<'_> {
    fn grid(&self) -> Result<Option<Grid>, ArgumentError> {
        let planes = size(self.planes);
        let count = planes * size(self.plane);
        expect_len("dLoss/dy", planes, self.dy.len())?;
        expect_len("dLoss/dx", count, self.dx.len())?;
        thread_per_item(count)
    }
}
