import { createDurably } from 'durably'
import { DurablyProvider } from 'durably/react'
import { StrictMode } from 'react'
import { createRoot } from 'react-dom/client'
import { DurablyDashboard } from '../dashboard'
import '../dashboard/styles/index.css'

// The dashboard over an engine behind HTTP, beside this page: for its pictures.

const root = document.getElementById('root')
if (root === null) throw new Error('The page has no element with the id "root".')
createRoot(root).render(
  <StrictMode>
    <DurablyProvider durably={createDurably({ api: 'api/durably' })}>
      <DurablyDashboard />
    </DurablyProvider>
  </StrictMode>,
)
