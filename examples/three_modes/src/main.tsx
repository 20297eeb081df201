import { DurablyProvider } from 'durably/react'
import { StrictMode } from 'react'
import { createRoot } from 'react-dom/client'
import { App } from './app'
import { durably } from './durably'

const root = document.getElementById('root')
if (root === null) throw new Error('index.html has no element with the id "root".')

createRoot(root).render(
  <StrictMode>
    <DurablyProvider durably={durably}>
      <App />
    </DurablyProvider>
  </StrictMode>,
)
