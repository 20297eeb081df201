/** In the place of a shim for React 17, which would ask for React in a way that browsers don't know. */
export { useSyncExternalStore } from 'react'
