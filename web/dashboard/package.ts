/** The npm package's entry: the component, and the styles that are written beside it. */
import './styles/index.css'

export { DurablyDashboard, type DurablyDashboardProps } from './dashboard'
export type { JobExtras, Sample, StartOptions, StartProps } from './extras'
