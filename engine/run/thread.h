/* An engine thread: a loop and a mailbox. Threads talk by messages alone.
 * Invariant: messages from one thread to another arrive in the order they were posted; each runs
 * once, on the receiver's thread.
 * Thread: post from any; the rest as told. Blocks: never, but for kal_thread_join. */
#ifndef KAL_RUN_THREAD_H
#define KAL_RUN_THREAD_H

#include <uv.h>

typedef struct kal_message {
    struct kal_message *next;
    void (*run)(struct kal_message *message); /* owns the message */
} kal_message;

typedef struct kal_thread kal_thread;

/* A thread that is not running yet, with its loop. */
kal_thread *kal_thread_new(int index);
/* Starts it: `enter` runs on it first, then its loop turns until kal_thread_quit, then `leave`. */
void kal_thread_start(kal_thread *thread, void (*enter)(void *data), void (*leave)(void *data),
                      void *data);
/* Ends the loop after the messages that are in the mailbox now; on the thread itself. */
void kal_thread_quit(kal_thread *thread);
/* Waits for its end. */
void kal_thread_join(kal_thread *thread);
/* Frees a thread that was joined. */
void kal_thread_free(kal_thread *thread);
uv_loop_t *kal_thread_loop(kal_thread *thread);
int kal_thread_index(const kal_thread *thread);
/* The engine thread that runs this code, NULL on any other. */
kal_thread *kal_thread_self(void);
/* Puts a message into the thread's mailbox. */
void kal_thread_post(kal_thread *thread, kal_message *message);

#endif
