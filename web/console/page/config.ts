/** `config.json`, beside the page. As it is built, it is empty; who builds or serves the page puts in more. */
export interface Config {
  /** What the page is called. */
  title?: string
  /** Whether there is a service worker beside the page. */
  offline?: boolean
  /** Where a server has its API. Without it the engine runs in this browser. */
  api?: string
  /** What `durably dev` adds. */
  dev?: DevConfig
}

export interface DevConfig {
  /** Where server-sent events tell of each build, relative to the page. */
  events: string
  /** What was built when the page was loaded; null: nothing yet. */
  build: string | null
}

export async function loadConfig(): Promise<Config> {
  const response = await fetch('config.json', { cache: 'no-cache' })
  if (!response.ok)
    throw new Error(`config.json could not be loaded: the server answered ${response.status}.`)
  return (await response.json()) as Config
}
