"""The networks of PyTorch-GAN's dcgan.py, for pytorch_step.py. At 28 pixels D's last layer takes what really comes out."""

from torch import nn


class Generator(nn.Module):
    """[N, latent] -> [N, channels, size, size]"""

    def __init__(self, latent, channels, size):
        super().__init__()
        self.start = size // 4
        self.linear = nn.Linear(latent, 128 * self.start**2)
        self.blocks = nn.Sequential(
            nn.BatchNorm2d(128),
            nn.Upsample(scale_factor=2),
            nn.Conv2d(128, 128, 3, stride=1, padding=1),
            nn.BatchNorm2d(128, 0.8),
            nn.LeakyReLU(0.2, inplace=True),
            nn.Upsample(scale_factor=2),
            nn.Conv2d(128, 64, 3, stride=1, padding=1),
            nn.BatchNorm2d(64, 0.8),
            nn.LeakyReLU(0.2, inplace=True),
            nn.Conv2d(64, channels, 3, stride=1, padding=1),
            nn.Tanh(),
        )

    def forward(self, z):
        return self.blocks(self.linear(z).view(len(z), 128, self.start, self.start))


class Discriminator(nn.Module):
    """[N, channels, size, size] -> probability [N, 1]"""

    def __init__(self, channels, size):
        super().__init__()

        def block(n_in, n_out, normalize=True):
            norm = [nn.BatchNorm2d(n_out, 0.8)] if normalize else []
            return [nn.Conv2d(n_in, n_out, 3, 2, 1), nn.LeakyReLU(0.2, inplace=True), nn.Dropout2d(0.25), *norm]

        self.blocks = nn.Sequential(
            *block(channels, 16, normalize=False), *block(16, 32), *block(32, 64), *block(64, 128)
        )
        last = -(-size // 16)
        self.head = nn.Sequential(nn.Linear(128 * last**2, 1), nn.Sigmoid())

    def forward(self, images):
        return self.head(self.blocks(images).flatten(1))


def networks(latent, channels, size):
    """G and D, initialised as dcgan.py does."""
    pair = Generator(latent, channels, size), Discriminator(channels, size)
    for module in (m for net in pair for m in net.modules()):
        if isinstance(module, nn.Conv2d):
            nn.init.normal_(module.weight, 0.0, 0.02)
        elif isinstance(module, nn.BatchNorm2d):
            nn.init.normal_(module.weight, 1.0, 0.02)
            nn.init.zeros_(module.bias)
    return pair
