import { createDurably } from 'durably'
import { DurablyProvider } from 'durably/react'
import { StrictMode } from 'react'
import { createRoot } from 'react-dom/client'
import { App } from './app'
import './style.css'

const root = document.getElementById('root')
if (root === null) throw new Error('index.html has no element with the id "root".')

// The engine on the server. Outside of components: one for as long as the page is open.
const durably = createDurably({ api: '/api/durably' })

createRoot(root).render(
  <StrictMode>
    <DurablyProvider durably={durably}>
      <App />
    </DurablyProvider>
  </StrictMode>,
)
