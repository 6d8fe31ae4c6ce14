/** Registers `<gan-sampler>` in a page. */

import { GanSampler } from './gan-sampler.js';

export { GanSampler } from './gan-sampler.js';

if (customElements.get('gan-sampler') === undefined) customElements.define('gan-sampler', GanSampler);
