import type { ReactNode } from 'react'
import { About } from '../about'
import { Console } from '../console'
import { useRunInAddress } from './address'

export function Page({ title }: { title: string }): ReactNode {
  const selection = useRunInAddress()
  return (
    <>
      <header className="header">
        <h1>{title}</h1>
      </header>
      <main>
        <Console selection={selection} />
      </main>
      <About site={document.baseURI} />
    </>
  )
}
