/** What only those load who bring or take something: zips, models of others, and pages. */

export { readRunFiles } from './run-files.js';
export { take } from './take.js';
export { openViewed } from './viewed.js';
