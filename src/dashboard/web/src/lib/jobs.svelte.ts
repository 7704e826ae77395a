// Long work on the server, followed while it runs.

import * as api from './api';
import { session } from './session.svelte';

const isLive = (job: api.Job): boolean => job.state === 'queued' || job.state === 'running';
/** How often the list is read again while nothing runs, in milliseconds. */
const LOOK_AGAIN = 15_000;

class Jobs {
  list: api.Job[] = $state.raw([]);
  live = $derived(this.list.filter(isLive));
  #followed = new Map<string, AbortController>();
  #timer: ReturnType<typeof setTimeout> | undefined;

  /** Reads the list, follows what runs, and looks again later. */
  async look(): Promise<void> {
    clearTimeout(this.#timer);
    try {
      const before = this.live.length;
      this.list = (await api.jobs()).sort((a, b) => b.created_at.localeCompare(a.created_at));
      for (const job of this.live) void this.#follow(job.id);
      if (before > 0 && this.live.length === 0) void session.reloadCollections();
    } catch {
      // The page's own calls say that the server is away; a strip that nags helps nobody.
    }
    this.#timer = setTimeout(() => void this.look(), LOOK_AGAIN);
  }

  async #follow(id: string): Promise<void> {
    if (this.#followed.has(id)) return;
    const stop = new AbortController();
    this.#followed.set(id, stop);
    try {
      await api.follow(id, (job) => this.#put(job), stop.signal);
    } catch {
      // A stream that breaks is taken up again by the next look.
    }
    this.#followed.delete(id);
  }

  #put(job: api.Job): void {
    const was = this.list.find((known) => known.id === job.id);
    this.list = this.list.map((known) => (known.id === job.id ? job : known));
    if (was && isLive(was) && !isLive(job)) {
      void session.reloadCollections().then(() => {
        if (session.place.collection === job.collection) void session.loadResults();
      });
    }
  }

  async act(id: string, act: 'cancel' | 'resume'): Promise<void> {
    await api.jobAct(id, act).catch(() => undefined);
    await this.look();
  }
}

export const jobs = new Jobs();
