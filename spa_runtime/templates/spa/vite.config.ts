import react from '@vitejs/plugin-react'
import { durably } from 'durably/vite'
import { defineConfig } from 'vite'

export default defineConfig({
  // Relative addresses: the page works under any path, such as that of a project on GitHub Pages.
  base: './',
  plugins: [react(), durably({ jobs: 'jobs.py', types: 'src/jobs.gen.ts', csp: 'strict' })],
})
