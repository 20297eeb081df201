export type { OfflineError } from './messages'
export { createOffline, type Offline, type OfflineOptions } from './offline'
export type { OfflineStatus } from './status'
