export { DurablyDashboard, type DurablyDashboardProps } from './dashboard'
export type { JobExtras, Sample, StartOptions, StartProps } from './extras'
