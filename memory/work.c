/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "config.h"

#include <pthread.h>
#include <sched.h>
#include <signal.h>
#include <stdlib.h>

#include <libxl.h>

#include "memory/work.h"

#define MAX_THREADS 64u

struct work_pool {
    pthread_mutex_t lock;
    pthread_cond_t submitted, done;
    struct work *first, **last;
    bool stop;
    unsigned num_threads;
    pthread_t threads[MAX_THREADS];
};

static void *worker(void *arg)
{
    struct work_pool *pool = arg;
    struct work *work;

    pthread_mutex_lock(&pool->lock);
    for (;;) {
        while (!pool->first && !pool->stop)
            pthread_cond_wait(&pool->submitted, &pool->lock);
        work = pool->first;
        if (!work) break;
        pool->first = work->next;
        if (!pool->first) pool->last = &pool->first;
        pthread_mutex_unlock(&pool->lock);

        work->run(work);

        pthread_mutex_lock(&pool->lock);
        work->done = true;
        pthread_cond_broadcast(&pool->done);
    }
    pthread_mutex_unlock(&pool->lock);
    return NULL;
}

static unsigned processors(void)
{
    cpu_set_t set;
    unsigned n = 1;

    if (!sched_getaffinity(0, sizeof(set), &set))
        n = (unsigned)CPU_COUNT(&set);
    return n < MAX_THREADS ? n : MAX_THREADS;
}

int work_pool_start(struct work_pool **pool_r)
{
    struct work_pool *pool = calloc(1, sizeof(*pool));
    unsigned i, wanted = processors();
    sigset_t all, old;

    if (!pool) return ERROR_NOMEM;
    pthread_mutex_init(&pool->lock, NULL);
    pthread_cond_init(&pool->submitted, NULL);
    pthread_cond_init(&pool->done, NULL);
    pool->last = &pool->first;

    /* Signals are the application's affair, not our threads'. */
    sigfillset(&all);
    pthread_sigmask(SIG_SETMASK, &all, &old);
    for (i = 0; i < wanted; i++) {
        if (pthread_create(&pool->threads[i], NULL, worker, pool)) break;
        pool->num_threads++;
    }
    pthread_sigmask(SIG_SETMASK, &old, NULL);
    if (!pool->num_threads) {
        work_pool_stop(pool);
        return ERROR_FAIL;
    }
    *pool_r = pool;
    return 0;
}

void work_pool_stop(struct work_pool *pool)
{
    unsigned i;

    if (!pool) return;
    pthread_mutex_lock(&pool->lock);
    pool->stop = true;
    pthread_cond_broadcast(&pool->submitted);
    pthread_mutex_unlock(&pool->lock);
    for (i = 0; i < pool->num_threads; i++)
        pthread_join(pool->threads[i], NULL);
    pthread_cond_destroy(&pool->submitted);
    pthread_cond_destroy(&pool->done);
    pthread_mutex_destroy(&pool->lock);
    free(pool);
}

unsigned work_pool_threads(const struct work_pool *pool)
{
    return pool->num_threads;
}

void work_submit(struct work_pool *pool, struct work *work)
{
    work->next = NULL;
    work->submitted = true;
    work->done = false;
    pthread_mutex_lock(&pool->lock);
    *pool->last = work;
    pool->last = &work->next;
    pthread_cond_signal(&pool->submitted);
    pthread_mutex_unlock(&pool->lock);
}

void work_wait(struct work_pool *pool, struct work *work)
{
    if (!work->submitted) return;
    pthread_mutex_lock(&pool->lock);
    while (!work->done) pthread_cond_wait(&pool->done, &pool->lock);
    pthread_mutex_unlock(&pool->lock);
}
