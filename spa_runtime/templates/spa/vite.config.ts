import react from '@vitejs/plugin-react'
import { durably } from 'durably/vite'
import { defineConfig } from 'vite'

export default defineConfig({
  plugins: [react(), durably({ jobs: 'jobs.py', types: 'src/jobs.gen.ts' })],
})
