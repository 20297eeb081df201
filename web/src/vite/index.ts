import type { Plugin } from 'vite'
export function durably(): Plugin {
  return { name: 'durably' }
}
